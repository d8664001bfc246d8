import { hasRoomFor, type StockLevel, stockMove } from '../../stock/stock.ts'
import type { Order } from '../order.ts'
import { changeLines, nextVersion, type OrderChange, type Refusal } from '../order-change.ts'
import { waitingOf } from '../order-line.ts'
import type { Shipment } from '../shipment.ts'
import { type Expectation, refuse, refuseExcess, refuseStale, refuseState } from './refusals.ts'

/**
 * Undoes a shipment: its goods are on hand again where they left, and promised to the order again.
 *
 * @param levels every one of the goods' SKUs
 */
export function unship(
  order: Order,
  { id, location, lines: goods, undoneAt }: Shipment,
  levels: readonly StockLevel[],
  asked: Expectation,
  at: Date,
): OrderChange | Refusal {
  const stale = refuseStale(order, asked)
  if (stale) return stale
  if (undoneAt !== null) return refuse('WRONG_STATE', 'The shipment is undone already', ['id'])
  const lines = changeLines(order.lines, goods, (line, qty) => {
    return { ...line, reserved: line.reserved + qty, shipped: line.shipped - qty }
  })
  // promises were taken back: once nothing is shipped any more, the order is to be as it was before it was shipped
  const isOpen = lines.every(({ shipped }) => shipped === 0)
  if (isOpen && lines.some((line) => waitingOf(line) > 0)) {
    return refuseState(order, 'a part of it waits, which has to be served or cancelled first')
  }
  const over = lines.find(({ shipped, returned }) => returned > shipped)
  if (over) {
    const message = `${over.returned} of ${over.sku} came back: only ${over.shipped} would have been shipped`
    const qty = goods.find(({ sku }) => sku === over.sku)!.qty
    return refuseExcess('QTY_EXCEEDED', message, ['id'], over.shipped + qty - over.returned)
  }
  const full = goods.find(({ sku, qty }) => {
    const own = levels.filter((level) => level.sku === sku)
    return !hasRoomFor(own, qty)
  })
  if (full) return refuse('INVALID_QTY', `No more of ${full.sku} can be on hand`, ['id'])
  const after = nextVersion(order, 'ShipmentUndone', { lines }, at)
  const back = goods.map(({ sku, qty }) => ({ sku, location, qty }))
  const cause = { orderId: order.id, version: after.version, shipmentId: id }
  return {
    before: order,
    after,
    event: { type: 'ShipmentUndone', lines: back },
    moves: back.map((allocation) => stockMove('SHIPMENT_UNDONE', allocation, cause)),
  }
}
