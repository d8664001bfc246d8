import type { Order } from '../order.ts'
import { nextVersion, type OrderChange, type Refusal } from '../order-change.ts'
import { type Expectation, refuseHoldTime, refuseStale, refuseUnlessHold } from './refusals.ts'

/** `holdSeconds`: from now. */
export type Extension = Expectation & { holdSeconds: number }

/**
 * Lets a hold expire at another time. One that has expired stays so.
 *
 * @param clock the database's time, read under the order's lock
 */
export function extend(order: Order, asked: Extension, clock: Date, at: Date): OrderChange | Refusal {
  const refusal =
    refuseHoldTime(asked.holdSeconds) ?? refuseStale(order, asked) ?? refuseUnlessHold(order, clock)
  if (refusal) return refusal
  const expiresAt = new Date(clock.getTime() + asked.holdSeconds * 1_000)
  const after = nextVersion(order, 'HoldExtended', { lines: order.lines, expiresAt }, at)
  return { before: order, after, event: { type: 'HoldExtended', lines: null }, moves: [] }
}
