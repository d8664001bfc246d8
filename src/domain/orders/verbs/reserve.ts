import type { Allocated } from '../../stock/allocation.ts'
import { stockMove } from '../../stock/stock.ts'
import { type Order, waitingOf } from '../order.ts'
import { nextVersion, type OrderChange, wholeOrPart } from '../order-change.ts'

/**
 * Gives an order what was allocated to it: RESERVED, or AWAITING_RESTOCK if a line is short. Lines that are there are
 * held while suppliers are asked for the others.
 */
export function reserve({ order, taken, short }: Allocated<Order>, at: Date): OrderChange {
  const isShort = short.length > 0
  const lines = order.lines.map((line) =>
    short.some(({ sku }) => sku === line.sku) ? line : { ...line, reserved: line.reserved + waitingOf(line) },
  )
  const type = isShort ? 'OrderAwaitingRestock' : 'OrderReserved'
  const after = nextVersion(order, type, { lines, lookedAt: isShort }, at)
  const cause = { orderId: order.id, version: after.version }
  return {
    before: order,
    after,
    event: { type, lines: isShort ? short : wholeOrPart(order, taken) },
    moves: taken.map((allocation) => stockMove('RESERVATION', allocation, cause)),
  }
}
