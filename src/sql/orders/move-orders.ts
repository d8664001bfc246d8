import type { OrderEvent, OrderLine } from '../../domain/orders/order.ts'
import { plainArray, prepare, type Queryable, quotedArray, sparseArray } from '../statement.ts'

/**
 * A line of an order as it is after a change. `queuedQty`: its place in the queue of its SKU, null for none, KEEP_QUEUED for the
 * one that it has.
 */
export type ChangedLine = { orderId: string; line: OrderLine; queuedQty: number | null }

export const KEEP_QUEUED = -1

/**
 * Writes changes of orders: the orders as they are after their events, the events, and the lines that they changed. The update
 * carries the guard: it skips an order whose state or version is no longer what its event starts from.
 *
 * @returns how many orders and lines changed
 */
export async function moveOrders(
  on: Queryable,
  events: readonly OrderEvent[],
  lines: readonly ChangedLine[],
  at: Date,
): Promise<{ orders: number; lines: number }> {
  if (events.length === 0) return { orders: 0, lines: 0 }
  const [row] = await move(
    on,
    plainArray(events.map(({ order }) => order.id)),
    plainArray(events.map(({ from }) => from)),
    plainArray(events.map(({ order }) => order.status)),
    plainArray(events.map(({ order }) => order.failureReason)),
    plainArray(events.map(({ order }) => order.version)),
    plainArray(events.map(({ order }) => order.lookedAt)),
    plainArray(events.map(({ order }) => order.ending)),
    plainArray(events.map(({ type }) => type)),
    sparseArray(events.map((event) => event.lines && JSON.stringify(event.lines))),
    sparseArray(events.map(({ actor }) => actor)),
    sparseArray(events.map(({ note }) => note)),
    plainArray(lines.map(({ orderId }) => orderId)),
    quotedArray(lines.map(({ line }) => line.sku)),
    plainArray(lines.map(({ line }) => line.reserved)),
    plainArray(lines.map(({ line }) => line.shipped)),
    plainArray(lines.map(({ line }) => line.cancelled)),
    plainArray(lines.map(({ line }) => line.returned)),
    sparseArray(lines.map(({ queuedQty }) => queuedQty)),
    at,
    sparseArray(events.map(({ order }) => order.expiresAt)),
  )
  return row!
}

const move = prepare<unknown[], { orders: number; lines: number }>(
  'move-orders',
  `with input as (
    select *
    from unnest(
      $1::uuid[], $2::order_status[], $3::order_status[], $4::failure_reason[], $5::int[], $6::boolean[],
      $7::order_status[], $8::order_event_type[], $9::jsonb[], $10::text[], $11::text[], $20::timestamptz[]
    ) as input (id, from_status, to_status, reason, version, looked_at, ending, event, lines, actor, note, expires_at)
  ), changed as (
    update orders
    set
      status = input.to_status,
      failure_reason = input.reason,
      looked_at = input.looked_at,
      ending = input.ending,
      expires_at = input.expires_at,
      version = input.version,
      updated_at = $19
    from input
    where orders.id = input.id and orders.status = input.from_status and orders.version = input.version - 1
    returning input.*
  ), changed_lines as (
    update order_lines
    set
      reserved = line.reserved, shipped = line.shipped, cancelled = line.cancelled, returned = line.returned,
      queued_qty = case line.queued_qty when ${KEEP_QUEUED} then order_lines.queued_qty else line.queued_qty end
    from unnest($12::uuid[], $13::text[], $14::int[], $15::int[], $16::int[], $17::int[], $18::int[])
      as line (order_id, sku, reserved, shipped, cancelled, returned, queued_qty)
    where order_lines.order_id = line.order_id and order_lines.sku = line.sku
    returning 1
  ), recorded as (
    insert into order_events (order_id, version, type, from_status, to_status, reason, at, lines, actor, note)
    select id, version, event, from_status, to_status, reason, $19, lines, actor, note from changed
  )
  select (select count(*)::int from changed) as orders, (select count(*)::int from changed_lines) as lines`,
)
