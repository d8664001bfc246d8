import type { Allocation } from '../../stock/allocation.ts'
import { stockMove } from '../../stock/stock.ts'
import type { Order } from '../order.ts'
import { changeLines, nextVersion, type OrderChange } from '../order-change.ts'
import type { EventLine } from '../order-event.ts'
import { openOf } from '../order-line.ts'
import type { FailureReason } from '../order-status.ts'

/**
 * Gives an order up. What its lines held is released. The event has what was given up of each line, and what was missing of
 * those that were found short: `reopen` gives it back.
 *
 * @param held where the order's stock is held
 * @param short its lines that are short now
 */
export function fail(
  order: Order,
  held: readonly Allocation[],
  reason: FailureReason,
  at: Date,
  short: readonly { sku: string; missing: number }[],
): OrderChange {
  const gaveUp = order.lines.flatMap((line): EventLine[] => {
    const { sku } = line
    const qty = openOf(line)
    const missing = short.find((one) => one.sku === sku)?.missing
    if (qty === 0) return []
    return [missing === undefined ? { sku, qty } : { sku, qty, missing }]
  })
  const lines = changeLines(order.lines, gaveUp, (line, qty) => {
    return { ...line, reserved: 0, cancelled: line.cancelled + qty }
  })
  const after = nextVersion(order, 'OrderFailed', { lines, ending: 'FAILED', failureReason: reason }, at)
  const cause = { orderId: order.id, version: after.version }
  return {
    before: order,
    after,
    event: { type: 'OrderFailed', lines: gaveUp },
    moves: held.map((allocation) => stockMove('RELEASE', allocation, cause)),
  }
}
