import type { Allocation } from '../../stock/allocation.ts'
import { stockMove } from '../../stock/stock.ts'
import type { Order } from '../order.ts'
import { changeLines, nextVersion, type OrderChange } from '../order-change.ts'

/**
 * Takes promises back that there are no goods for. Their lines wait again, each with all that it had reserved: a line is
 * reserved whole or waits whole. The order keeps what its other lines have reserved, and waits in line from then on: no supplier
 * is asked, who would answer as before under the same key.
 *
 * @param released where those lines hold what they have reserved: all of it
 */
export function unreserve(order: Order, released: readonly Allocation[], at: Date): OrderChange {
  const lines = changeLines(order.lines, released, (line, qty) => {
    return { ...line, reserved: line.reserved - qty }
  })
  const after = nextVersion(order, 'OrderUnreserved', { lines, lookedAt: true, ifShort: 'WAIT' }, at)
  const cause = { orderId: order.id, version: after.version }
  return {
    before: order,
    after,
    event: { type: 'OrderUnreserved', lines: released },
    moves: released.map((allocation) => stockMove('RELEASE', allocation, cause)),
  }
}
