import { styleText } from 'node:util'
import { FAILURE_REASONS, ORDER_STATUSES, type OrderStatus } from '../domain/orders/order-status.ts'
import { type Change, type DemoOrder, nameOf, outcomeOf, SCENARIOS } from './scenarios.ts'

const SECONDS_WIDTH = 8
const NAME_WIDTH = widthOf(SCENARIOS.map(nameOf))
const STORY_WIDTH = widthOf(SCENARIOS.map(({ story }) => story))
const STATUS_WIDTH = widthOf(ORDER_STATUSES)
const OUTCOME_WIDTH = widthOf([...ORDER_STATUSES, ...FAILURE_REASONS])

const COLOURS = {
  PENDING: 'gray',
  AWAITING_RESTOCK: 'yellow',
  RESERVED: 'green',
  PARTIALLY_SHIPPED: 'blue',
  SHIPPED: 'blue',
  CANCELLED: 'gray',
  EXPIRED: 'gray',
  FAILED: 'red',
} as const satisfies Record<OrderStatus, unknown>

/** What each order is there to show. */
export function formatScenarios(): string {
  return SCENARIOS.map((scenario) => {
    const { story, outcome } = scenario
    return ['', nameOf(scenario).padEnd(NAME_WIDTH), story.padEnd(STORY_WIDTH), outcome].join('  ')
  }).join('\n')
}

export function formatHeading(): string {
  const columns = [
    'seconds'.padStart(SECONDS_WIDTH),
    'SKU'.padEnd(NAME_WIDTH),
    'from'.padEnd(STATUS_WIDTH),
    `  ${'to'.padEnd(STATUS_WIDTH)}`,
    'version',
    'event',
  ]
  return dim(columns.join('  '))
}

/** One line for a change that was heard of `elapsedMs` after the demo began. */
export function formatChange({ scenario }: DemoOrder, change: Change, elapsedMs: number): string {
  const { type, from, to, reason, version } = change
  const columns = [
    seconds(elapsedMs),
    nameOf(scenario).padEnd(NAME_WIDTH),
    dim((from ?? '').padEnd(STATUS_WIDTH)),
    `→ ${paint(to, to.padEnd(STATUS_WIDTH))}`,
    String(version).padStart('version'.length),
    reason ? `${type}: ${reason}` : type,
  ]
  return columns.join('  ').trimEnd()
}

/** A row for each order with its outcome and what it took by the server's clock, and how many came to each. */
export function formatSummary(orders: readonly DemoOrder[]): string {
  const counts = Map.groupBy(orders, (order) => outcomeOf(order) ?? 'under way')
  return [
    dim(
      ['SKU'.padEnd(NAME_WIDTH), 'outcome'.padEnd(OUTCOME_WIDTH), 'seconds'.padStart(SECONDS_WIDTH)].join(
        '  ',
      ),
    ),
    ...orders.map(formatOutcome),
    '',
    ...[...counts].map(([outcome, { length }]) => `${length} × ${outcome}`),
  ]
    .map((line) => (line ? `  ${line}` : ''))
    .join('\n')
}

function formatOutcome(order: DemoOrder): string {
  const { scenario, changes } = order
  const { to, at } = changes.at(-1)!
  const outcome = outcomeOf(order)
  const columns = [
    nameOf(scenario).padEnd(NAME_WIDTH),
    paint(to, (outcome ?? to).padEnd(OUTCOME_WIDTH)),
    outcome ? seconds(Date.parse(at) - Date.parse(changes[0]!.at)) : ' '.repeat(SECONDS_WIDTH),
    outcome && outcome !== scenario.outcome ? `expected: ${scenario.outcome}` : '',
  ]
  return columns.join('  ').trimEnd()
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(2).padStart(SECONDS_WIDTH)
}

// colours in a terminal alone: styleText looks at what standard output is
function paint(status: OrderStatus, text: string): string {
  return styleText(COLOURS[status], text)
}

function dim(text: string): string {
  return styleText('dim', text)
}

function widthOf(texts: readonly string[]): number {
  return Math.max(...texts.map(({ length }) => length))
}
