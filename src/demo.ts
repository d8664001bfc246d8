import { setTimeout as sleep } from 'node:timers/promises'
import { findServer } from './client/find-server.ts'
import { changeOrder } from './demo/change-order.ts'
import { placeOrder } from './demo/place-order.ts'
import { formatChange, formatHeading, formatScenarios, formatSummary } from './demo/report.ts'
import {
  type DemoOrder,
  type DemoServer,
  nameOf,
  nextVerbOf,
  outcomeOf,
  SCENARIOS,
} from './demo/scenarios.ts'
import { type Watching, watchOrders } from './demo/watch-orders.ts'
import { outliveOutput } from './observability/logs/output.ts'

// `npm run demo`: places an order for each thing that can become of one at a running server, watches them all, confirms,
// ships, takes back or cancels some, and brings in what one waits for.

const SECOND = 1_000

/**
 * The order whose supplier is down is waited for until this many times what the others took. With the server's
 * default settings those take 46 s and it takes 129 s at most: it is always seen to its end. Where
 * SUPPLIER_RECHECK_DELAY_MS alone is short, the others take seconds, and its two minutes are not waited for.
 */
const PATIENCE_FACTOR = 3
/** Enough for all its tries with SUPPLIER_RETRY_BASE_MS=50. */
const PATIENCE_MIN_MS = 10 * SECOND
/** A worker takes an order within milliseconds; one that is as new as it was after this has none. */
const NO_WORKER_AFTER_MS = 10 * SECOND
/** What a shell says of a process that Ctrl-C ended. */
const INTERRUPTED_EXIT_CODE = 130

async function main(): Promise<number> {
  const server = findServer()
  const { url } = server
  await assertReady(url)
  say(introduction(url))

  const startedAtMs = performance.now()
  const elapsedMs = () => performance.now() - startedAtMs
  const orders = await Promise.all(SCENARIOS.map((scenario) => placeOrder(server, scenario)))
  for (const order of orders) {
    for (const change of order.changes) say(formatChange(order, change, elapsedMs()))
  }
  const { promise: isRefused, reject } = Promise.withResolvers<never>()
  const goOn = (order: DemoOrder) => {
    const verb = nextVerbOf(order)
    if (verb) changeOrder(server, order, verb).catch(reject)
  }
  const watching = watchOrders(server, orders, {
    onChange: (order, change) => {
      say(formatChange(order, change, elapsedMs()))
      goOn(order)
    },
    onConnectionLost: () => say('The connection is lost; trying again for a minute …'),
    onConnectedAgain: () => say('Connected again.'),
  })
  // those that were reserved before they were watched
  for (const order of orders) goOn(order)
  try {
    const isInterrupted = await Promise.race([
      isRefused,
      waitPatiently(watching, orders, elapsedMs).then(() => false),
      nextSignal().then(() => true),
    ])
    say(`\n${formatSummary(orders)}\n`)
    if (isInterrupted) {
      say('Stopped. The orders go on without their watcher.')
      return INTERRUPTED_EXIT_CODE
    }
  } finally {
    // a reserved order's subscription stays open until its watcher leaves
    watching.close()
  }
  for (const order of orders.filter((order) => !outcomeOf(order))) say(howToSeeTheEnd(server, order))
  return orders.every(isAsExpected) ? 0 : 1
}

/** Resolves when every order is final, or when only those are not that may outlast the others by too much. */
async function waitPatiently(
  watching: Watching,
  orders: readonly DemoOrder[],
  elapsedMs: () => number,
): Promise<void> {
  const hint = setTimeout(() => {
    if (orders.every(({ changes }) => changes.length === 1))
      say('Nothing has happened yet. Does a worker run?')
  }, NO_WORKER_AFTER_MS).unref()
  const { last = [], others = [] } = Object.groupBy(orders, ({ scenario }) =>
    scenario.mayOutlastOthers ? 'last' : 'others',
  )
  await watching.untilFinal(others)
  clearTimeout(hint)
  const late = last.filter((order) => !outcomeOf(order))
  if (late.length === 0) return
  const endsAtMs = Math.max(PATIENCE_MIN_MS, PATIENCE_FACTOR * elapsedMs())
  const names = late.map(({ scenario }) => nameOf(scenario)).join(', ')
  say(`The others are final. Waiting for ${names} up to second ${Math.round(endsAtMs / SECOND)}.`)
  await Promise.race([watching.untilFinal(late), sleep(endsAtMs - elapsedMs(), undefined, { ref: false })])
}

/** An order that is still being retried is as expected too: how long that takes is the server's setting. */
function isAsExpected(order: DemoOrder): boolean {
  const outcome = outcomeOf(order)
  if (outcome) return outcome === order.scenario.outcome
  return order.changes.at(-1)!.to === 'AWAITING_RESTOCK'
}

/** @throws {Error} that says what to do when no server is ready there */
async function assertReady(url: string): Promise<void> {
  const response = await fetch(`${url}/health/ready`).catch(() => {
    throw new Error(
      `Nothing answers at ${url}. Start the server in another terminal:\n\n  npm start\n\n` +
        'and then this again. HOST and PORT say where it is, for both.',
    )
  })
  if (response.ok) return
  throw new Error(`What answers at ${url} is not ready: ${response.status} ${await response.text()}`)
}

function introduction(url: string): string {
  return `
One order for each thing that can become of one, at ${url}:

${formatScenarios()}

With the server's default settings this takes about a minute and a half, most of it waiting: a supplier that has
accepted is asked again every 15 s, and one that is down is tried 8 times over up to two minutes. To see it all in
seconds, start the server so:

  SUPPLIER_RECHECK_DELAY_MS=500 SUPPLIER_RETRY_BASE_MS=20 npm start

${formatHeading()}`
}

function howToSeeTheEnd({ url, authorization }: DemoServer, { id, scenario, changes }: DemoOrder): string {
  return `The order of ${nameOf(scenario)} is still ${changes.at(-1)!.to}: the server goes on trying, 8 times over up to two minutes
unless it is set otherwise, and then fails it with ${scenario.outcome}. To look:

  curl ${url}/graphql -H 'content-type: application/json' ${authorization && `-H "authorization: Bearer $HOLDFAST_TOKEN" `}\\
    -d '{"query":"{ order(id: \\"${id}\\") { status failureReason events { type at } } }"}'

To see its end here in seconds, start the server with SUPPLIER_RETRY_BASE_MS=20 as well.
`
}

function nextSignal(): Promise<void> {
  return new Promise((resolve) => {
    // not once: npm hands on the Ctrl-C that the terminal has sent already
    for (const name of ['SIGINT', 'SIGTERM']) process.on(name, () => resolve())
  })
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

// who pipes it to `head` has seen enough
outliveOutput(() => process.exit())
try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`)
  process.exitCode = 1
}
