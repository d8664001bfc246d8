import type { UserError } from '../errors.ts'
import type { StockMove } from '../stock/stock.ts'
import type { Order, OrderLine } from './order.ts'
import type { EventLine } from './order-event.ts'
import {
  assertMove,
  type FailureReason,
  type OrderEventType,
  type StatusFacts,
  statusOf,
} from './order-status.ts'

/** What a verb makes of an order. */
export type OrderChange = {
  before: Order
  /** The same object as `before` where nothing of the order changed. */
  after: Order
  /** Null where nothing of the order changed. States, version, reason and time are those of `before` and `after`. */
  event: { type: OrderEventType; lines: readonly EventLine[] | null } | null
  /** In the order in which they are to be made. */
  moves: readonly StockMove[]
}

/** A verb that does nothing, and says why. */
export type Refusal = { refusal: UserError }

/** What changes of an order. What is left out stays as it is. */
type Changed = Partial<Pick<StatusFacts, 'lookedAt' | 'ending'>> & {
  lines: readonly OrderLine[]
  failureReason?: FailureReason
}

/**
 * Makes the next version of an order, whose status follows from what changed.
 *
 * @param at when it happens
 * @throws {Error} if the event does not lead there, by the table: a bug in the caller
 */
export function nextVersion(order: Order, type: OrderEventType, changed: Changed, at: Date): Order {
  const { lines, lookedAt = order.lookedAt, ending = null, failureReason = null } = changed
  const status = statusOf({ lines, lookedAt, ending })
  assertMove(type, order.status, status, failureReason)
  const version = order.version + 1
  return { ...order, lines, status, failureReason, lookedAt, ending, version, updatedAt: at }
}
