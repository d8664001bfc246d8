import type { Order } from '../../domain/orders/order.ts'
import { eventOf } from '../../domain/orders/order-status.ts'
import type { Origin } from '../../domain/origin.ts'
import { JOB_ATTEMPTS_MAX, type Job } from '../../domain/upkeep/jobs.ts'
import { prepare, type Queryable } from '../statement.ts'

/** An order to write, with its idempotency key (null for none) and its origin. */
export type NewOrder = Pick<Order, 'id' | 'customerId' | 'sku' | 'qty'> & {
  key: string | null
  origin: Origin
}

/** The result for a new order. `key-taken`: its caller has another order under this key. */
export type Insertion =
  | { outcome: 'created'; order: Order }
  | { outcome: 'unknown-sku' | 'key-taken'; order: null }

/**
 * Writes orders with their keys, events and one job for all of them, all or nothing: one statement is one transaction.
 *
 * Locks no row of `inventory_items`, so orders come in while their SKU is being reserved.
 *
 * @param delayMs after which the job is due
 * @returns a result for each order, in the order of the input, and the job's id: null if no order was written
 */
export async function insertOrders(
  on: Queryable,
  orders: readonly NewOrder[],
  { createdAt, delayMs = 0 }: { createdAt: Date; delayMs?: number },
): Promise<{ insertions: Insertion[]; jobId: string | null }> {
  const [row] = await run(
    on,
    orders.map((order) => order.id),
    orders.map((order) => order.sku),
    orders.map((order) => order.qty),
    orders.map((order) => order.origin.caller),
    orders.map((order) => order.key),
    createdAt,
    'PENDING',
    eventOf(null, 'PENDING', null),
    'reserve-inventory' satisfies Job['task'],
    JOB_ATTEMPTS_MAX,
    orders.map((order) => order.customerId),
    orders.map(({ id, origin }) => JSON.stringify({ orderId: id, origin })),
    delayMs,
  )
  const outcomes = new Map(row!.exceptions?.map(({ ordinal, outcome }) => [ordinal - 1, outcome]))
  const insertions = orders.map((order, index): Insertion => {
    const outcome = outcomes.get(index)
    if (outcome) return { outcome, order: null }
    return { outcome: 'created', order: asCreated(order, createdAt) }
  })
  return { insertions, jobId: row!.jobId }
}

type Exception = { ordinal: number; outcome: 'unknown-sku' | 'key-taken' }

// only exceptions come back: most batches have none, and reading rows would cost more than writing them
const run = prepare<unknown[], { jobId: string | null; exceptions: Exception[] | null }>(
  'insert-orders',
  `with input as (
    select *
    from unnest($1::uuid[], $2::text[], $3::int[], $4::text[], $5::text[], $11::text[], $12::json[])
      with ordinality as input (id, sku, qty, caller, key, customer_id, ref, ordinal)
  ), known as (
    select input.* from input join inventory_items using (sku)
  ), claimed as (
    -- in the keys' order: two statements that claim the same keys wait for each other in turn, never in a circle
    insert into idempotency_keys (caller, key, order_id, created_at)
    select caller, key, id, $6::timestamptz from known where key is not null order by caller, key
    on conflict do nothing
    returning order_id
  ), fresh as (
    select * from known where key is null or id in (select order_id from claimed)
  ), created as (
    insert into orders (id, customer_id, sku, qty, status, version, created_at, updated_at)
    select id, customer_id, sku, qty, $7::order_status, 1, $6, $6 from fresh
  ), recorded as (
    insert into order_events (order_id, version, type, to_status, at)
    select id, 1, $8::order_event_type, $7, $6 from fresh
  ), enqueued as (
    -- one job for all: each order pays only its share of the queue's cost
    select id from graphile_worker.add_jobs(array(
      select (
        $9::text, json_build_object('orders', json_agg(ref order by ordinal)), null,
        now() + $13::float8 * interval '1 ms', $10::smallint, null, null, null
      )::graphile_worker.job_spec
      from fresh having count(*) > 0
    ))
  ), exceptions as (
    select
      input.ordinal,
      case when exists (select from known where known.ordinal = input.ordinal) then 'key-taken' else 'unknown-sku' end as outcome
    from input
    where input.ordinal not in (select ordinal from fresh)
  )
  select
    (select id::text from enqueued) as "jobId",
    (select json_agg(exceptions) from exceptions) as exceptions`,
)

function asCreated({ id, customerId, sku, qty }: NewOrder, createdAt: Date): Order {
  return {
    id,
    customerId,
    sku,
    qty,
    status: 'PENDING',
    failureReason: null,
    supplierRef: null,
    supplierStep: 0,
    supplierAttempts: 0,
    supplierRechecks: 0,
    version: 1,
    createdAt,
    updatedAt: createdAt,
  }
}
