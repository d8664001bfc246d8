import type { Origin } from '../origin.ts'
import type { DeadLetter } from '../upkeep/dead-letter.ts'
import type { JobTry } from '../upkeep/jobs.ts'
import type { FailureReason, OrderEventType, OrderStatus } from './order-status.ts'

/** One order of a quantity of one SKU, as all code above the database sees it. */
export type Order = {
  /** UUID v7: sorts by the time of creation. */
  id: string
  /** The customer it belongs to; null for nobody in particular. */
  customerId: string | null
  sku: string
  qty: number
  status: OrderStatus
  failureReason: FailureReason | null
  /** The supplier's reference for what it will deliver. */
  supplierRef: string | null
  /** Number of the scheduled supplier call: a call with another number does nothing. */
  supplierStep: number
  /** Transport errors in a row. */
  supplierAttempts: number
  /** Answers of "delayed". */
  supplierRechecks: number
  version: number
  createdAt: Date
  updatedAt: Date
}

export const QTY_MIN = 1
/** Keeps a million orders of one SKU within the 2^53 that JSON carries exactly. */
export const QTY_MAX = 1_000_000

export function isQty(value: number): boolean {
  return Number.isInteger(value) && value >= QTY_MIN && value <= QTY_MAX
}

/**
 * An order after a transition.
 *
 * One that starts to wait for its supplier does so on a step of its own and with nothing known: calls that were scheduled
 * before do nothing any more.
 */
export function applyTransition(
  order: Order,
  to: OrderStatus,
  reason: FailureReason | null,
  at: Date,
): Order {
  const next = { ...order, status: to, failureReason: reason, version: order.version + 1, updatedAt: at }
  if (to !== 'AWAITING_RESTOCK') return next
  return {
    ...next,
    supplierRef: null,
    supplierStep: order.supplierStep + 1,
    supplierAttempts: 0,
    supplierRechecks: 0,
  }
}

/** One transition of one order: the state that it left, and the order as it stands after it. */
export type OrderEvent = {
  type: OrderEventType
  from: OrderStatus | null
  order: Order
  /** Where the work comes from that moved it, where that is known. */
  origin: Origin | undefined
  /** The run of a job that moved it; undefined where a caller did. */
  job?: JobTry | undefined
  /** What an order that was given up leaves for an operator. */
  deadLetter?: DeadLetter | undefined
}
