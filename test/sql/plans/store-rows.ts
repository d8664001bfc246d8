import type pg from 'pg'

export const OPEN = 200_000
export const DONE = 1_000_000
/** Orders that wait for stock, half of them holds, all of one SKU. */
export const WAITING = 100_000
/** Orders that `exercise` places, in all stages. */
export const EXERCISED_MAX = 100

export async function storeItems(client: pg.Client): Promise<void> {
  await client.query(`
    insert into items (sku, name, is_out)
    select sku, sku, sku = 'CROWDED' from unnest(array['COMMON', 'RARE', 'CROWDED']) as sku
    union all select 'SKU-' || n, 'Item', false from generate_series(1, 20000) as n`)
  await client.query(`
    insert into stock_levels (sku, location, available, reserved)
    select sku, 'MAIN', case sku when 'CROWDED' then 0 when 'COMMON' then 1000000000 when 'RARE' then 1000000000 else 1000 end, 0 from items`)
}

/** Orders that came just now, all of one SKU, each with its job. */
export async function storeOpen(client: pg.Client): Promise<void> {
  await client.query(
    `insert into orders (id, status, customer_id, version, created_at, updated_at)
    select ('01910000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'PENDING', 'many', 1, now(), now()
    from generate_series(1, $1::int) as n`,
    [OPEN],
  )
  await storeLines(client)
  await client.query(`
    insert into graphile_worker._private_jobs (task_id, payload, max_attempts)
    select tasks.id, json_build_object('orderId', orders.id, 'origin', json_build_object('caller', 'test')), 8
    from orders cross join graphile_worker._private_tasks as tasks
    where orders.status = 'PENDING' and tasks.identifier = 'reserve-inventory'
      and not exists (select from graphile_worker._private_jobs as jobs where jobs.payload ->> 'orderId' = orders.id::text)`)
  await storeWaiting(client)
}

/** Orders that wait for two pieces of one SKU, every other of them a hold of a customer who waits for nothing else. */
async function storeWaiting(client: pg.Client): Promise<void> {
  await client.query(
    `insert into orders (id, status, looked_at, if_short, expires_at, customer_id, version, created_at, updated_at)
    select
      ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'AWAITING_RESTOCK', true, 'WAIT',
      case n % 2 when 0 then now() + n * interval '1 s' + interval '1 h' end, case n % 2 when 0 then 'waiting' end, 2, now(), now()
    from generate_series(1, $1::int) as n`,
    [WAITING],
  )
  await client.query(`
    insert into order_lines (order_id, sku, position, qty, queued_qty)
    select id, 'CROWDED', 0, 2, 2 from orders where if_short = 'WAIT' and status = 'AWAITING_RESTOCK'
      and not exists (select from order_lines where order_id = id)`)
}

/** Orders of before, with their movements, and dead letters that were all retried. */
export async function storeDone(client: pg.Client): Promise<void> {
  await client.query(
    `insert into orders (id, status, customer_id, reference, version, created_at, updated_at)
    select
      ('01800000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'RESERVED', 'many', 'web ' || n % 300000, 2, now(), now()
    from generate_series(1, $1::int) as n`,
    [DONE],
  )
  await storeLines(client)
  await client.query(
    `insert into inventory_movements (
      sku, location, type, delta, reserved_delta, available_after, reserved_after, order_id, order_version, created_at
    )
    select
      'COMMON', 'MAIN', 'RESERVATION', -1, 1, 1000000000, 1, ('01800000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
      2, now()
    from generate_series(1, $1::int) as n`,
    [DONE / 5],
  )
  await client.query(
    `insert into dead_letters (id, order_id, task, payload, error, attempts, created_at, retried_at)
    select id, id, 'reserve-inventory', '{}', 'test', 8, now(), now() from (
      select ('01800000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid as id from generate_series(1, $1::int) as n
    ) as letters`,
    [DONE / 20],
  )
  await client.query(
    `insert into idempotency_keys (caller, key, verb, fingerprint, order_id, created_at)
    select 'test', n, 'createOrder', 'x', ('01800000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, now()
    from generate_series(1, $1::int) as n`,
    [DONE / 5],
  )
}

/** Gives the orders that have none their line. */
async function storeLines(client: pg.Client): Promise<void> {
  await client.query(`
    insert into order_lines (order_id, sku, position, qty, reserved)
    select id, 'COMMON', 0, 1, case status when 'RESERVED' then 1 else 0 end from orders
    where not exists (select from order_lines where order_id = id)`)
}

export async function dropOpen(client: pg.Client): Promise<void> {
  await client.query(`delete from graphile_worker._private_jobs`)
  await client.query(`delete from order_lines using orders where id = order_id and status = 'PENDING'`)
  await client.query(`delete from orders where status = 'PENDING'`)
}
