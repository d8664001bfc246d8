import type { Allocation } from '../../stock/allocation.ts'
import { DEFAULT_LOCATION } from '../../stock/location.ts'
import { stockMove } from '../../stock/stock.ts'
import type { Order } from '../order.ts'
import { changeLines, nextVersion, type OrderChange, wholeOrPart } from '../order-change.ts'
import { waitingOf } from '../order-line.ts'

/**
 * Receives what a supplier delivered for lines of an order, and reserves what still waits of them, whatever the safety stock.
 * The rest, and all of it if the order waits no more, is free stock.
 *
 * @param goods no SKU twice
 */
export function deliver(order: Order, goods: readonly { sku: string; qty: number }[], at: Date): OrderChange {
  const location = deliveredTo(order)
  const received = goods.map(({ sku, qty }) => ({ sku, location, qty }))
  const reserved = order.status === 'PENDING' ? [] : wantedOf(order, received)
  if (reserved.length === 0) {
    const moves = received.map((goods) => stockMove('SUPPLIER_RECEIPT', goods, { orderId: order.id }))
    return { before: order, after: order, event: null, moves }
  }
  const lines = changeLines(order.lines, reserved, (line, qty) => {
    return { ...line, reserved: line.reserved + qty }
  })
  const after = nextVersion(order, 'OrderReserved', { lines }, at)
  const cause = { orderId: order.id, version: after.version }
  return {
    before: order,
    after,
    event: { type: 'OrderReserved', lines: wholeOrPart(order, reserved) },
    moves: [
      ...received.map((goods) => stockMove('SUPPLIER_RECEIPT', goods, cause)),
      ...reserved.map((allocation) => stockMove('RESERVATION', allocation, cause)),
    ],
  }
}

/** Where a supplier's goods for an order come to. */
function deliveredTo({ locations }: Pick<Order, 'locations'>): string {
  return locations?.[0] ?? DEFAULT_LOCATION
}

/** What an order takes of goods: a line all that waits of it, or nothing. */
function wantedOf({ lines }: Order, goods: readonly Allocation[]): Allocation[] {
  return goods.flatMap(({ sku, location, qty: delivered }) => {
    const line = lines.find((line) => line.sku === sku)
    const qty = line ? waitingOf(line) : 0
    return qty > 0 && qty <= delivered ? [{ sku, location, qty }] : []
  })
}
