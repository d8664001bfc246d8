import type { Order } from '../domain/order.ts'
import { eventOf } from '../domain/order-status.ts'
import { ORDER_COLUMNS, prepare, type Queryable } from './statement.ts'

/** An order to be written. `caller` and `key` are its idempotency key, `key` null for none. */
export type NewOrder = {
  id: string
  sku: string
  qty: number
  createdAt: Date
  caller: string
  key: string | null
}

/** What became of a new order, in the place it had in the input. Without an order: the SKU is unknown or the key taken. */
export type InsertedOrder = { isSkuKnown: boolean; order: Order | null }

/**
 * Writes orders with their keys, events and jobs, all or none of it: one statement is one transaction.
 *
 * No row of `inventory_items` is locked, so orders come in while their SKU is being reserved.
 *
 * @param task the task that each order's job runs
 */
export async function insertOrders(
  on: Queryable,
  orders: readonly NewOrder[],
  { task, attemptsMax }: { task: string; attemptsMax: number },
): Promise<InsertedOrder[]> {
  const rows = await run(on, [
    orders.map((order) => order.id),
    orders.map((order) => order.sku),
    orders.map((order) => order.qty),
    orders.map((order) => order.createdAt),
    orders.map((order) => order.caller),
    orders.map((order) => order.key),
    'PENDING',
    eventOf(null, 'PENDING', null),
    task,
    attemptsMax,
  ])
  return rows.map(({ isSkuKnown, ...order }) => ({ isSkuKnown, order: order.id === null ? null : order }))
}

const run = prepare<Order & { isSkuKnown: boolean }>(
  'insert-orders',
  `with input as (
    select *
    from unnest($1::uuid[], $2::text[], $3::int[], $4::timestamptz[], $5::text[], $6::text[])
      with ordinality as input (id, sku, qty, created_at, caller, key, turn)
  ), known as (
    select input.* from input join inventory_items using (sku)
  ), claimed as (
    -- in the keys' order: two statements that claim the same keys wait for each other in turn, never in a circle
    insert into idempotency_keys (caller, key, order_id, sku, qty, created_at)
    select caller, key, id, sku, qty, created_at from known where key is not null order by caller, key
    on conflict do nothing
    returning order_id
  ), fresh as (
    select * from known where key is null or id in (select order_id from claimed)
  ), created as (
    insert into orders (id, sku, qty, status, version, created_at, updated_at)
    select id, sku, qty, $7::order_status, 1, created_at, created_at from fresh
    returning orders.*
  ), recorded as (
    insert into order_events (order_id, version, type, to_status, at)
    select id, version, $8::order_event_type, status, created_at from created
  ), enqueued as (
    -- one call for all: each notifies, and a notifying commit takes an instance-wide lock
    select count(*) as jobs from graphile_worker.add_jobs(array(
      select (
        $9::text, json_build_object('orderId', id), null, null, $10::smallint, null, null, null
      )::graphile_worker.job_spec
      from fresh order by turn
    ))
    where exists (select from fresh)
  )
  select (known.id is not null) as "isSkuKnown", ${ORDER_COLUMNS}
  from input
  left join known using (turn)
  left join created as orders on orders.id = known.id
  -- a query that nothing reads is not run
  cross join (select coalesce(sum(jobs), 0) from enqueued) as enqueued
  order by turn`,
)
