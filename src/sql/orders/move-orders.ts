import type { OrderEvent } from '../../domain/orders/order-event.ts'
import type { OrderLine } from '../../domain/orders/order-line.ts'
import { plainArray, prepare, type Queryable, quotedArray, sparseArray } from '../statement.ts'
import { NEXT_OUTBOX_ID } from '../webhooks/outbox.ts'

/**
 * A line of an order as it is after a change: of the order of `events[event]`. `queuedQty`: its place in the queue of its SKU,
 * null for none, KEEP_QUEUED for the one that it has.
 */
export type ChangedLine = { event: number; line: OrderLine; queuedQty: number | null }

export const KEEP_QUEUED = -1

/**
 * Writes changes of orders: the orders as they are after their events, the events, and the lines that they changed. The update
 * carries the guard: it skips an order whose state or version is no longer what its event starts from.
 *
 * @returns how many orders and lines changed: if not all did, nothing may be committed
 */
export async function moveOrders(
  on: Queryable,
  events: readonly OrderEvent[],
  lines: readonly ChangedLine[],
  at: Date,
): Promise<{ orders: number; lines: number }> {
  if (events.length === 0) return { orders: 0, lines: 0 }
  const { kinds, kindOf } = findKinds(events)
  const [row] = await move(
    on,
    plainArray(kinds.map(({ type }) => type)),
    plainArray(kinds.map(({ from }) => from)),
    plainArray(kinds.map(({ order }) => order.status)),
    plainArray(kinds.map(({ order }) => order.failureReason)),
    plainArray(kinds.map(({ order }) => order.lookedAt)),
    plainArray(kinds.map(({ order }) => order.ending)),
    plainArray(kindOf),
    plainArray(events.map(({ order }) => order.id)),
    plainArray(events.map(({ order }) => order.version)),
    sparseArray(events.map((event) => event.lines && JSON.stringify(event.lines))),
    sparseArray(events.map(({ actor }) => actor)),
    sparseArray(events.map(({ note }) => note)),
    plainArray(lines.map(({ event }) => event + 1)),
    quotedArray(lines.map(({ line }) => line.sku)),
    plainArray(lines.map(({ line }) => line.reserved)),
    sparseArray(lines.map(({ line }) => line.shipped || null)),
    sparseArray(lines.map(({ line }) => line.cancelled || null)),
    sparseArray(lines.map(({ line }) => line.returned || null)),
    at,
    sparseArray(events.map(({ order }) => order.expiresAt)),
    sparseArray(lines.map(({ queuedQty }) => queuedQty)),
    plainArray(kinds.map(({ order }) => order.ifShort)),
  )
  return row!
}

/**
 * Finds what events have in common: most of a batch are of one kind, and what is sent and read once costs nothing.
 *
 * @returns an event of each kind, and of each event the number of its kind from 1
 */
function findKinds(events: readonly OrderEvent[]): { kinds: OrderEvent[]; kindOf: number[] } {
  const kinds: OrderEvent[] = []
  const kindOf = events.map((event) => {
    const last = kinds.at(-1)
    if (!last || !isOfKind(event, last)) kinds.push(event)
    return kinds.length
  })
  return { kinds, kindOf }
}

function isOfKind(event: OrderEvent, kind: OrderEvent): boolean {
  return (
    event.type === kind.type &&
    event.from === kind.from &&
    event.order.status === kind.order.status &&
    event.order.failureReason === kind.order.failureReason &&
    event.order.lookedAt === kind.order.lookedAt &&
    event.order.ending === kind.order.ending &&
    event.order.ifShort === kind.order.ifShort
  )
}

// Nothing is read of what was written: rows that come back cost as much again. A line names its order by its place: an id that
// is sent and read again costs more than the join.
const move = prepare<unknown[], { orders: number; lines: number }>(
  'move-orders',
  `with changed as (
    update orders
    set
      status = kind.to_status,
      failure_reason = kind.reason,
      looked_at = kind.looked_at,
      ending = kind.ending,
      if_short = kind.if_short,
      expires_at = event.expires_at,
      version = event.version,
      updated_at = $19
    from unnest($7::int[], $8::uuid[], $9::int[], $20::timestamptz[]) as event (kind, id, version, expires_at)
    join unnest(
      $2::order_status[], $3::order_status[], $4::failure_reason[], $5::boolean[], $6::order_status[], $22::if_short[]
    ) with ordinality as kind (from_status, to_status, reason, looked_at, ending, if_short, number) on kind.number = event.kind
    where orders.id = event.id and orders.status = kind.from_status and orders.version = event.version - 1
    returning 1
  ), changed_lines as (
    update order_lines
    set
      reserved = line.reserved,
      shipped = coalesce(line.shipped, 0),
      cancelled = coalesce(line.cancelled, 0),
      returned = coalesce(line.returned, 0),
      queued_qty = case line.queued_qty when ${KEEP_QUEUED} then order_lines.queued_qty else line.queued_qty end
    from unnest($13::int[], $14::text[], $15::int[], $16::int[], $17::int[], $18::int[], $21::int[])
      as line (event, sku, reserved, shipped, cancelled, returned, queued_qty)
    join unnest($8::uuid[]) with ordinality as event (id, number) on event.number = line.event
    where order_lines.order_id = event.id and order_lines.sku = line.sku
    returning 1
  ), recorded as (
    insert into order_events (order_id, version, type, from_status, to_status, reason, at, lines, actor, note, outbox_id)
    select id, version, type, from_status, to_status, reason, $19, lines, actor, note, ${NEXT_OUTBOX_ID}
    from unnest($7::int[], $8::uuid[], $9::int[], $10::jsonb[], $11::text[], $12::text[])
      as event (kind, id, version, lines, actor, note)
    join unnest($1::order_event_type[], $2::order_status[], $3::order_status[], $4::failure_reason[])
      with ordinality as kind (type, from_status, to_status, reason, number) on kind.number = event.kind
  )
  select (select count(*)::int from changed) as orders, (select count(*)::int from changed_lines) as lines`,
)
