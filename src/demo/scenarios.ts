import { type FailureReason, isFinal, type OrderStatus } from '../domain/orders/order-status.ts'

/** What became of an order: reserved, or why it failed. */
export type Outcome = 'RESERVED' | FailureReason

export type Scenario = {
  sku: string
  qty: number
  story: string
  outcome: Outcome
  /** Takes as long as the server's SUPPLIER_RETRY_BASE_MS makes it, and not its SUPPLIER_RECHECK_DELAY_MS. */
  mayOutlastOthers?: true
}

/**
 * One order for each thing that can become of one. What the simulated supplier does follows from the SKU.
 * Only INTERNAL_ERROR is missing: it takes a bug.
 */
export const SCENARIOS: readonly Scenario[] = [
  { sku: 'WIDGET', qty: 2, story: 'is in stock', outcome: 'RESERVED' },
  { sku: 'SCARCE-OK', qty: 1, story: 'the supplier delivers', outcome: 'RESERVED' },
  { sku: 'SCARCE-LATE', qty: 1, story: 'the supplier delivers late', outcome: 'RESERVED' },
  { sku: 'SCARCE-FLAKY', qty: 1, story: 'every second call to the supplier fails', outcome: 'RESERVED' },
  { sku: 'SCARCE-REFUSED', qty: 1, story: 'the supplier refuses', outcome: 'SUPPLIER_REFUSED' },
  { sku: 'SCARCE-FAIL', qty: 1, story: 'the supplier accepts, then fails', outcome: 'SUPPLIER_FAILED' },
  { sku: 'SCARCE-DELAYED', qty: 1, story: 'the supplier is late for ever', outcome: 'SUPPLIER_DELAYED' },
  {
    sku: 'SCARCE-DOWN',
    qty: 1,
    story: 'the supplier never answers',
    outcome: 'SUPPLIER_UNREACHABLE',
    mayOutlastOthers: true,
  },
]

export type Change = {
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

export const CHANGES_FIELD = 'events { from to reason version at }'

/** What became of an order; undefined while it is under way. */
export function outcomeOf({ changes }: DemoOrder): Outcome | undefined {
  const { to, reason } = changes.at(-1)!
  return isFinal(to) ? (reason ?? 'RESERVED') : undefined
}
