import type { Allocated } from '../../stock/allocation.ts'
import { stockMove } from '../../stock/stock.ts'
import type { Order } from '../order.ts'
import { changeLines, nextVersion, type OrderChange, wholeOrPart } from '../order-change.ts'
import { fail } from './fail.ts'

/**
 * Gives an order what was allocated to it: RESERVED, or AWAITING_RESTOCK if a line is short. A new order that is short and must
 * not be is FAILED. One that waited already and gets nothing stays as it is.
 */
export function reserve({ order, taken, short }: Allocated<Order>, at: Date): OrderChange {
  const isShort = short.length > 0
  const isWaiting = order.status !== 'PENDING'
  if (isWaiting && taken.length === 0) return { before: order, after: order, event: null, moves: [] }
  if (isShort && order.ifShort === 'FAIL') return fail(order, [], 'OUT_OF_STOCK', at, short)
  const lines = changeLines(order.lines, taken, (line, qty) => {
    return { ...line, reserved: line.reserved + qty }
  })
  const type = isShort && !isWaiting ? 'OrderAwaitingRestock' : 'OrderReserved'
  const after = nextVersion(order, type, { lines, lookedAt: isShort || order.lookedAt }, at)
  const cause = { orderId: order.id, version: after.version }
  return {
    before: order,
    after,
    event: { type, lines: type === 'OrderAwaitingRestock' ? short : wholeOrPart(order, taken) },
    moves: taken.map((allocation) => stockMove('RESERVATION', allocation, cause)),
  }
}
