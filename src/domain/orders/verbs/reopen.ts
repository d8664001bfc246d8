import type { Order } from '../order.ts'
import { changeLines, nextVersion, type OrderChange, wholeOrPart } from '../order-change.ts'
import type { EventLine } from '../order-event.ts'

/**
 * Opens a failed order again: PENDING, to be reserved from the start. What was cancelled before it failed stays cancelled.
 *
 * @param gaveUp the lines of its last OrderFailed
 */
export function reopen(order: Order, gaveUp: readonly EventLine[], at: Date): OrderChange {
  const given = gaveUp.map(({ sku, qty }) => ({ sku, qty }))
  const lines = changeLines(order.lines, given, (line, qty) => {
    return { ...line, cancelled: line.cancelled - qty }
  })
  const after = nextVersion(order, 'OrderReopened', { lines, lookedAt: false }, at)
  return {
    before: order,
    after,
    event: { type: 'OrderReopened', lines: wholeOrPart(order, given) },
    moves: [],
  }
}
