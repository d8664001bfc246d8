import type { Reader } from './database.ts'

type FinalLine = {
  sku: string
  qty: number
  reserved: number
  shipped: number
  cancelled: number
  returned: number
}

type FinalEvent = {
  type: string
  from: string | null
  to: string
  reason: string | null
  note: string | null
  /** Null: it was about the whole order. */
  lines: { sku: string; qty: number; missing?: number; location?: string }[] | null
}

/** What a supplier was asked for, as the database has it, and what came of it. */
export type FinalRequest = {
  sku: string
  qty: number
  state: string
  ref: string | null
  /** What came in by SUPPLIER_RECEIPT, and how often. */
  received: number
  receipts: number
}

/** An order as the database has it at the end. */
export type FinalOrder = {
  id: string
  lines: FinalLine[]
  locations: string[] | null
  ifShort: 'ASK_SUPPLIER' | 'WAIT' | 'FAIL'
  /** Whether it is, or was until it was confirmed. */
  isHold: boolean
  status: string
  version: number
  reason: string | null
  requests: FinalRequest[]
  /** The error of its dead letter. */
  deadLetter: string | null
  /** Oldest first. */
  events: FinalEvent[]
  /** From its first event to that with which it no longer waited for a job, by the database's clock. */
  lifeSeconds: number
  /** How far the processes' clocks were from the database's when they wrote its events, at most. */
  clockOffSeconds: number
}

const ORDERS = `select orders.id::text, orders.locations, orders.if_short::text as "ifShort",
    expires_at is not null or history.confirmed > 0 as "isHold", orders.status::text, orders.version, orders.failure_reason::text as reason,
    lines.lines, coalesce(requests.requests, '[]') as requests,
    (
      select error from dead_letters where dead_letters.order_id = orders.id order by created_at desc limit 1
    ) as "deadLetter",
    coalesce(history.events, '[]') as events,
    coalesce(history.seconds, 0)::float8 as "lifeSeconds",
    coalesce(history.off, 0)::float8 as "clockOffSeconds"
  from orders, lateral (
    select json_agg(json_build_object(
      'sku', sku, 'qty', qty, 'reserved', reserved, 'shipped', shipped, 'cancelled', cancelled, 'returned', returned
    ) order by position) as lines
    from order_lines where order_id = orders.id
  ) as lines, lateral (
    select json_agg(json_build_object(
      'sku', requested.sku, 'qty', requested.qty, 'state', requested.state, 'ref', requested.ref,
      'received', coalesce(came.received, 0), 'receipts', coalesce(came.receipts, 0)
    )) as requests
    from supplier_requests as requested left join (
      select order_id, sku, sum(delta) as received, count(*) as receipts
      from inventory_movements where type = 'SUPPLIER_RECEIPT' group by order_id, sku
    ) as came using (order_id, sku)
    where requested.order_id = orders.id
  ) as requests, lateral (
    select
      json_agg(json_build_object(
        'type', type, 'from', from_status, 'to', to_status, 'reason', reason, 'note', note, 'lines', lines
      ) order by version) as events,
      extract(epoch from
        -- who waits for stock may do so for as long as it likes
        min(pg_xact_commit_timestamp(xid::xid)) filter (
          where to_status <> 'PENDING' and (to_status <> 'AWAITING_RESTOCK' or orders.if_short = 'WAIT')
        )
        - min(pg_xact_commit_timestamp(xid::xid))
      ) as seconds,
      count(*) filter (where type = 'OrderConfirmed') as confirmed,
      max(abs(extract(epoch from at - pg_xact_commit_timestamp(xid::xid)))) as off
    from order_events where order_id = orders.id
  ) as history`

/** Reads every order, by its id. */
export async function readFinalOrders(database: Reader): Promise<Map<string, FinalOrder>> {
  const rows = await database.query<FinalOrder>(ORDERS)
  return new Map(rows.map((row) => [row.id, row]))
}

/** The version of each order. */
export async function readVersions(database: Reader): Promise<Map<string, number>> {
  const rows = await database.query<{ id: string; version: number }>('select id::text, version from orders')
  return new Map(rows.map(({ id, version }) => [id, version]))
}
