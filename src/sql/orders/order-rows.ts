import type { Order } from '../../domain/orders/order.ts'
import type { OrderLine } from '../../domain/orders/order-line.ts'

/** What statements select of `orders` and `order_lines`: a row for each line, as `readOrders` takes it. */
export const ORDER_ROWS = `
  orders.id,
  orders.customer_id as "customerId",
  orders.reference,
  orders.locations,
  orders.if_short as "ifShort",
  orders.expires_at as "expiresAt",
  orders.status,
  orders.failure_reason as "failureReason",
  orders.looked_at as "lookedAt",
  orders.ending,
  orders.version,
  orders.created_at as "createdAt",
  orders.updated_at as "updatedAt",
  order_lines.sku,
  order_lines.qty,
  order_lines.reserved,
  order_lines.shipped,
  order_lines.cancelled,
  order_lines.returned`

export type OrderRow = Omit<Order, 'lines'> & OrderLine

/** Makes orders of their rows, which are sorted by order, and by position within it. */
export function readOrders(rows: readonly OrderRow[]): Order[] {
  const orders: Order[] = []
  let id: string | undefined
  let lines: OrderLine[] = []
  for (const row of rows) {
    if (row.id !== id) {
      id = row.id
      lines = []
      orders.push({
        id: row.id,
        customerId: row.customerId,
        reference: row.reference,
        locations: row.locations,
        ifShort: row.ifShort,
        expiresAt: row.expiresAt,
        lines,
        status: row.status,
        failureReason: row.failureReason,
        lookedAt: row.lookedAt,
        ending: row.ending,
        version: row.version,
        createdAt: row.createdAt,
        updatedAt: row.updatedAt,
      })
    }
    const { sku, qty, reserved, shipped, cancelled, returned } = row
    lines.push({ sku, qty, reserved, shipped, cancelled, returned })
  }
  return orders
}
