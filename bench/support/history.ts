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
    [ITEMS, [skus]],
    [LEVELS, [AVAILABLE]],
    [ORDERS, [orders, skus, FAILED_EVERY]],
    [REQUESTS, []],
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
  insert into items (sku, name, is_out)
  select 'SKU-' || n, 'Item ' || n, false from generate_series(0, $1::int - 1) as n`

const LEVELS = `
  insert into stock_levels (sku, location, available, reserved)
  select sku, 'MAIN', $1::bigint, 0 from items`

// one order a second until now, so that ids rise from the oldest to the newest. 7,919 is prime: it visits each SKU
const ORDERS = `
  with input as (
    select
      uuidv7((n - $1::int) * interval '1 s') as id, n % $3::int = 0 as is_failed,
      'SKU-' || case when n % 11 = 0 then 0 else n * 7919 % $2::int end as sku
    from generate_series(1, $1::bigint) as n
  ), created as (
    insert into orders (id, status, failure_reason, looked_at, ending, version, created_at, updated_at)
    select
      id, case when is_failed then 'FAILED' else 'RESERVED' end::order_status,
      case when is_failed then 'SUPPLIER_FAILED' end::failure_reason, true,
      case when is_failed then 'FAILED' end::order_status, 3, uuid_extract_timestamp(id),
      uuid_extract_timestamp(id) + interval '15 s'
    from input
  )
  insert into order_lines (order_id, sku, position, qty, reserved, cancelled)
  select id, sku, 0, 1, case when is_failed then 0 else 1 end, case when is_failed then 1 else 0 end from input`

const REQUESTS = `
  insert into supplier_requests (order_id, sku, qty, supplier, state, ref, step, asked_at, ended_at)
  select
    id, sku, qty, 'default',
    case when status = 'FAILED' then 'FAILED' else 'DELIVERED' end::supplier_request_state,
    'ok-' || id, 2, created_at, updated_at
  from orders join order_lines on order_id = id`

const EVENTS = `
  insert into order_events (order_id, version, type, from_status, to_status, reason, at, lines)
  select
    id, step.version, step.type, step.from_status, step.to_status, step.reason, orders.created_at,
    case when step.is_short then jsonb_build_array(jsonb_build_object('sku', sku, 'qty', qty, 'missing', qty)) end
  from orders
  join order_lines on order_id = id
  cross join lateral (
    values
      (1, 'OrderCreated'::order_event_type, null::order_status, 'PENDING'::order_status, null::failure_reason, false),
      (2, 'OrderAwaitingRestock', 'PENDING', 'AWAITING_RESTOCK', null, true),
      (
        3, case when status = 'FAILED' then 'OrderFailed' else 'OrderReserved' end::order_event_type,
        'AWAITING_RESTOCK', status, failure_reason, status = 'FAILED'
      )
  ) as step (version, type, from_status, to_status, reason, is_short)
  order by id, step.version`

const MOVEMENTS = `
  insert into inventory_movements (
    sku, location, type, delta, reserved_delta, available_after, reserved_after, order_id, order_version, reason, actor, created_at
  )
  select
    sku, 'MAIN', type, delta, reserved_delta, available_after,
    sum(reserved_delta) over (partition by sku order by era, order_id, turn), order_id, order_version, reason, actor, at
  from (
    select
      0 as era, sku, null::uuid as order_id, null::int as order_version, 0 as turn, 'RECEIPT'::movement_type as type,
      $1::int as delta, 0 as reserved_delta, $1::bigint as available_after, null as reason, 'bench' as actor,
      timestamptz '2020-01-01' as at
    from items
    union all
    select
      1, sku, null, null, turn, 'ADJUSTMENT', case when turn % 2 = 1 then 1 else -1 end, 0, $1::bigint + turn % 2,
      'counted', 'bench', timestamptz '2020-01-02'
    from items cross join generate_series(1, $2::int) as turn
    union all
    select
      2, sku, id, version, turn, case when turn = 1 then 'SUPPLIER_RECEIPT' else 'RESERVATION' end::movement_type,
      case when turn = 1 then qty else -qty end, case when turn = 1 then 0 else qty end,
      $1::bigint + case when turn = 1 then qty else 0 end, null, null, updated_at
    from orders join order_lines on orders.id = order_lines.order_id cross join generate_series(1, 2) as turn
    where status = 'RESERVED'
  ) as movement
  order by era, order_id, turn, sku`

const RESERVED = `
  update stock_levels set reserved = taken.qty
  from (select sku, sum(reserved) as qty from order_lines group by sku) as taken
  where stock_levels.sku = taken.sku and taken.qty > 0`
