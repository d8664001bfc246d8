import type { Order } from '../order.ts'
import { nextVersion, type OrderChange, type Refusal } from '../order-change.ts'
import { type Expectation, refuseStale, refuseUnlessHold } from './refusals.ts'

/**
 * Makes a hold firm: it expires no more.
 *
 * @param clock the database's time, read under the order's lock
 */
export function confirm(order: Order, asked: Expectation, clock: Date, at: Date): OrderChange | Refusal {
  const refusal = refuseStale(order, asked) ?? refuseUnlessHold(order, clock)
  if (refusal) return refusal
  const after = nextVersion(order, 'OrderConfirmed', { lines: order.lines, expiresAt: null }, at)
  return { before: order, after, event: { type: 'OrderConfirmed', lines: null }, moves: [] }
}
