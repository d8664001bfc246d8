import type { Allocation } from '../../stock/allocation.ts'
import { stockMove } from '../../stock/stock.ts'
import type { Order } from '../order.ts'
import { changeLines, nextVersion, type OrderChange, wholeOrPart } from '../order-change.ts'
import { openOf } from '../order-line.ts'

/**
 * Ends a hold that nobody confirmed in time. All that is open is given up, and what is reserved is released.
 *
 * @param held where the order's stock is held
 */
export function expire(order: Order, held: readonly Allocation[], at: Date): OrderChange {
  const gaveUp = order.lines
    .map((line) => ({ sku: line.sku, qty: openOf(line) }))
    .filter(({ qty }) => qty > 0)
  const lines = changeLines(order.lines, gaveUp, (line, qty) => {
    return { ...line, reserved: 0, cancelled: line.cancelled + qty }
  })
  const after = nextVersion(order, 'OrderExpired', { lines, ending: 'EXPIRED' }, at)
  const cause = { orderId: order.id, version: after.version }
  return {
    before: order,
    after,
    event: { type: 'OrderExpired', lines: wholeOrPart(order, gaveUp) },
    moves: held.map((allocation) => stockMove('RELEASE', allocation, cause)),
  }
}
