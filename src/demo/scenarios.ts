import type { IfShort } from '../domain/orders/order.ts'
import {
  type FailureReason,
  isFinal,
  type OrderEventType,
  type OrderStatus,
} from '../domain/orders/order-status.ts'

/** What became of an order: where it is now, or why it failed. */
export type Outcome = 'RESERVED' | 'SHIPPED' | 'CANCELLED' | 'EXPIRED' | FailureReason

/** What the demo does with an order that is reserved. */
export type Verb = 'confirmOrder' | 'shipOrder' | 'returnOrder' | 'cancelOrder'

export type Scenario = {
  lines: readonly { sku: string; qty: number }[]
  story: string
  /** Of a hold. */
  holdSeconds?: number
  ifShort?: IfShort
  /** Whether the demo brings in what it waits for. */
  isRestocked?: true
  /** One after the other. */
  verbs?: readonly Verb[]
  outcome: Outcome
  /** Takes as long as the server's SUPPLIER_RETRY_BASE_MS makes it, and not its SUPPLIER_RECHECK_DELAY_MS. */
  mayOutlastOthers?: true
}

/**
 * One order for each thing that can become of one. What the simulated supplier does follows from the SKU.
 * Only INTERNAL_ERROR is missing: it takes a bug.
 */
export const SCENARIOS: readonly Scenario[] = [
  { lines: [{ sku: 'WIDGET', qty: 2 }], story: 'is in stock', outcome: 'RESERVED' },
  {
    lines: [{ sku: 'GADGET', qty: 2 }],
    story: 'is shipped, and comes back',
    verbs: ['shipOrder', 'returnOrder'],
    outcome: 'SHIPPED',
  },
  {
    lines: [{ sku: 'GIZMO', qty: 1 }],
    story: 'is cancelled',
    verbs: ['cancelOrder'],
    outcome: 'CANCELLED',
  },
  {
    lines: [
      { sku: 'GADGET', qty: 1 },
      { sku: 'WIDGET', qty: 1 },
    ],
    story: 'is held, and confirmed',
    holdSeconds: 600,
    verbs: ['confirmOrder'],
    outcome: 'RESERVED',
  },
  {
    lines: [
      { sku: 'GIZMO', qty: 1 },
      { sku: 'WIDGET', qty: 1 },
    ],
    story: 'is held, and nobody confirms it',
    holdSeconds: 2,
    outcome: 'EXPIRED',
  },
  {
    lines: [{ sku: 'BACKORDER', qty: 2 }],
    story: 'waits for stock, which comes',
    ifShort: 'WAIT',
    isRestocked: true,
    outcome: 'RESERVED',
  },
  {
    lines: [
      { sku: 'WIDGET', qty: 1 },
      { sku: 'SCARCE-OK', qty: 1 },
    ],
    story: 'one is held, the supplier delivers the other',
    outcome: 'RESERVED',
  },
  { lines: [{ sku: 'SCARCE-OK', qty: 1 }], story: 'the supplier delivers', outcome: 'RESERVED' },
  { lines: [{ sku: 'SCARCE-LATE', qty: 1 }], story: 'the supplier delivers late', outcome: 'RESERVED' },
  {
    lines: [{ sku: 'SCARCE-FLAKY', qty: 1 }],
    story: 'every second call to the supplier fails',
    outcome: 'RESERVED',
  },
  { lines: [{ sku: 'SCARCE-REFUSED', qty: 1 }], story: 'the supplier refuses', outcome: 'SUPPLIER_REFUSED' },
  {
    lines: [{ sku: 'SCARCE-FAIL', qty: 1 }],
    story: 'the supplier accepts, then fails',
    outcome: 'SUPPLIER_FAILED',
  },
  {
    lines: [{ sku: 'SCARCE-DELAYED', qty: 1 }],
    story: 'the supplier is late for ever',
    outcome: 'SUPPLIER_DELAYED',
  },
  {
    lines: [{ sku: 'SCARCE-DOWN', qty: 1 }],
    story: 'the supplier never answers',
    outcome: 'SUPPLIER_UNREACHABLE',
    mayOutlastOthers: true,
  },
]

/** What the demo calls an order: its SKUs. */
export function nameOf({ lines }: Scenario): string {
  return lines.map(({ sku }) => sku).join('+')
}

export type Change = {
  type: OrderEventType
  from: OrderStatus | null
  to: OrderStatus
  reason: FailureReason | null
  version: number
  /** By the server's clock. */
  at: string
}

/** Where the server listens, and the Authorization header that calls send; '' for none. */
export type DemoServer = { url: string; authorization: string }

/** An order that the demo has placed, with the changes that it has heard of, oldest first: at least its creation. */
export type DemoOrder = { id: string; scenario: Scenario; changes: Change[] }

export const CHANGES_FIELD = 'events { type from to reason version at }'

/** What the demo is to do next with an order; undefined while others are to do something, and when all is done. */
export function nextVerbOf({ scenario, changes }: DemoOrder): Verb | 'restock' | undefined {
  if (changes.at(-1)!.to === 'AWAITING_RESTOCK') return scenario.isRestocked && 'restock'
  return isFinal(changes.at(-1)!.to) ? scenario.verbs?.[countVerbs(changes)] : undefined
}

/** What became of an order; undefined while it is under way. */
export function outcomeOf({ scenario, changes }: DemoOrder): Outcome | undefined {
  const { to, reason } = changes.at(-1)!
  if (!isFinal(to)) return undefined
  if (reason) return reason
  // a hold that is reserved will expire
  if (scenario.outcome === 'EXPIRED' && to === 'RESERVED') return undefined
  return countVerbs(changes) < (scenario.verbs?.length ?? 0) ? undefined : (to as Outcome)
}

const VERB_EVENTS: readonly OrderEventType[] = [
  'OrderConfirmed',
  'OrderShipped',
  'OrderReturned',
  'OrderCancelled',
]

function countVerbs(changes: readonly Change[]): number {
  return changes.filter(({ type }) => VERB_EVENTS.includes(type)).length
}
