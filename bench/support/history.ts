import type pg from 'pg'

/** What a database holds of the past. Orders are spread evenly over SKUs, but for one in eleven, of `SKU-0`. */
export type History = { orders: number; skus: number }

/** What is in stock of each SKU in the end, as at first. */
const AVAILABLE = 1_000_000_000
/** Even: what is added is taken again. */
const ADJUSTMENTS_PER_SKU = 10
/** One order in so many has failed. */
const FAILED_EVERY = 50

/**
 * Writes a past that could have been, all invariants kept: each order came by way of the supplier, with three events
 * and, unless it failed, two movements; each SKU has its receipt and some adjustments. For ten orders a SKU that comes
 * to three times as many events as orders, and as many movements.
 */
export async function storeHistory(client: pg.ClientBase, { orders, skus }: History): Promise<void> {
  const steps: [text: string, values: unknown[]][] = [
    [ITEMS, [skus, AVAILABLE]],
    [ORDERS, [orders, skus, FAILED_EVERY]],
    [EVENTS, []],
    [MOVEMENTS, [AVAILABLE, ADJUSTMENTS_PER_SKU]],
    [RESERVED, []],
  ]
  for (const [text, values] of steps) await client.query(text, values)
  // as autovacuum leaves tables that have grown over weeks
  await client.query('vacuum (analyze)')
  await client.query('checkpoint')
}

const ITEMS = `
  insert into inventory_items (sku, name, available, reserved)
  select 'SKU-' || n, 'Item ' || n, $2::bigint, 0 from generate_series(0, $1::int - 1) as n`

// one order a second until now, so that ids rise from the oldest to the newest. 7,919 is prime: it visits each SKU
const ORDERS = `
  insert into orders (
    id, sku, qty, status, failure_reason, supplier_ref, supplier_step, version, created_at, updated_at
  )
  select
    id, 'SKU-' || case when n % 11 = 0 then 0 else n * 7919 % $2::int end, 1,
    case when is_failed then 'FAILED' else 'RESERVED' end::order_status,
    case when is_failed then 'SUPPLIER_FAILED' end::failure_reason,
    'ok-' || id, 2, 3, uuid_extract_timestamp(id), uuid_extract_timestamp(id) + interval '15 s'
  from (
    select n, n % $3::int = 0 as is_failed, uuidv7((n - $1::int) * interval '1 s') as id
    from generate_series(1, $1::bigint) as n
  ) as input`

const EVENTS = `
  insert into order_events (order_id, version, type, from_status, to_status, reason, at)
  select id, step.version, step.type, step.from_status, step.to_status, step.reason, orders.created_at
  from orders
  cross join lateral (
    values
      (1, 'OrderCreated'::order_event_type, null::order_status, 'PENDING'::order_status, null::failure_reason),
      (2, 'OrderAwaitingRestock', 'PENDING', 'AWAITING_RESTOCK', null),
      (
        3, case when status = 'FAILED' then 'OrderFailed' else 'OrderReserved' end::order_event_type,
        'AWAITING_RESTOCK', status, failure_reason
      )
  ) as step (version, type, from_status, to_status, reason)
  order by id, step.version`

const MOVEMENTS = `
  insert into inventory_movements (sku, type, delta, available_after, order_id, reason, actor, created_at)
  select sku, type, delta, available_after, order_id, reason, actor, at
  from (
    select
      0 as era, sku, null::uuid as order_id, 0 as turn, 'RECEIPT'::movement_type as type, $1::int as delta,
      $1::bigint as available_after, null as reason, 'bench' as actor, timestamptz '2020-01-01' as at
    from inventory_items
    union all
    select
      1, sku, null, turn, 'ADJUSTMENT', case when turn % 2 = 1 then 1 else -1 end, $1::bigint + turn % 2,
      'counted', 'bench', timestamptz '2020-01-02'
    from inventory_items cross join generate_series(1, $2::int) as turn
    union all
    select
      2, sku, id, turn, case when turn = 1 then 'SUPPLIER_RECEIPT' else 'RESERVATION' end::movement_type,
      case when turn = 1 then qty else -qty end, $1::bigint + case when turn = 1 then qty else 0 end,
      null, null, updated_at
    from orders cross join generate_series(1, 2) as turn
    where status = 'RESERVED'
  ) as movement
  order by era, order_id, turn, sku`

const RESERVED = `
  update inventory_items set reserved = taken.qty
  from (select sku, sum(qty) as qty from orders where status = 'RESERVED' group by sku) as taken
  where inventory_items.sku = taken.sku`
