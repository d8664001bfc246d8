import type { Order } from '../../domain/orders/order.ts'
import type { OrderLine } from '../../domain/orders/order-line.ts'
import type { Origin } from '../../domain/origin.ts'
import { JOB_ATTEMPTS_MAX, type Job, orderRefOf } from '../../domain/upkeep/jobs.ts'
import { plainArray, prepare, type Queryable, quotedArray, sparseArray } from '../statement.ts'
import { NEXT_OUTBOX_ID } from '../webhooks/outbox.ts'

/** An idempotency key, and the fingerprint of the input that is asked for under it. */
export type NewKey = { key: string; fingerprint: string }

/** An order to write, with its idempotency key (null for none) and its origin. */
export type NewOrder = Pick<Order, 'id' | 'customerId' | 'reference' | 'locations' | 'ifShort'> & {
  /** For how long it is held from its insert on; null for a firm order. */
  holdSeconds: number | null
  lines: readonly Pick<OrderLine, 'sku' | 'qty'>[]
  key: NewKey | null
  origin: Origin
}

/**
 * The result for a new order. `unknown-skus`: lines whose SKU no item has; `unknown-locations`: locations that do not exist,
 * or that no order may take from; both by their index. `key-taken`: its caller has something else under this key.
 */
export type Insertion =
  | { outcome: 'created'; order: Order }
  | { outcome: 'unknown-skus' | 'unknown-locations'; indexes: readonly number[]; order: null }
  | { outcome: 'key-taken'; order: null }

/**
 * Writes orders with their lines, keys, events and one job for all of them, all or nothing: one statement is one transaction.
 *
 * Locks no stock, so orders come in while their SKUs are being reserved.
 *
 * @param delayMs after which the job is due
 * @returns a result for each order, in the order of the input, and the job's id: null if no order was written
 */
export async function insertOrders(
  on: Queryable,
  orders: readonly NewOrder[],
  { createdAt, delayMs = 0 }: { createdAt: Date; delayMs?: number },
): Promise<{ insertions: Insertion[]; jobId: string | null }> {
  const lines = orders.flatMap((order, index) =>
    order.lines.map(({ sku, qty }, position) => ({ ordinal: index + 1, position, sku, qty })),
  )
  const [row] = await run(
    on,
    plainArray(orders.map((order) => order.id)),
    orders.map((order) => order.origin.caller),
    sparseArray(orders.map(({ key }) => key?.key)),
    sparseArray(orders.map(({ key }) => key?.fingerprint)),
    sparseArray(orders.map((order) => order.customerId)),
    sparseArray(orders.map((order) => order.reference)),
    sparseArray(orders.map(({ locations }) => locations?.join(LOCATION_SEPARATOR))),
    sparseArray(orders.map(({ ifShort }) => (ifShort === 'ASK_SUPPLIER' ? null : ifShort))),
    sparseArray(orders.map(({ holdSeconds }) => holdSeconds)),
    orders.map((order) => JSON.stringify(orderRefOf(order, order.origin))),
    plainArray(lines.map(({ ordinal }) => ordinal)),
    plainArray(lines.map(({ position }) => position)),
    quotedArray(lines.map(({ sku }) => sku)),
    plainArray(lines.map(({ qty }) => qty)),
    createdAt,
    'reserve-inventory' satisfies Job['task'],
    JOB_ATTEMPTS_MAX,
    delayMs,
  )
  const exceptionOf = new Map(row!.exceptions?.map((exception) => [exception.ordinal - 1, exception]))
  const insertions = orders.map((order, index): Insertion => {
    const exception = exceptionOf.get(index)
    if (!exception) return { outcome: 'created', order: asCreated(order, createdAt, row!.clock) }
    const { skus, locations } = exception
    if (skus) return { outcome: 'unknown-skus', indexes: skus, order: null }
    if (locations) return { outcome: 'unknown-locations', indexes: locations, order: null }
    return { outcome: 'key-taken', order: null }
  })
  return { insertions, jobId: row!.jobId }
}

/** Codes of locations have none. An array of arrays of different lengths is nothing that PostgreSQL has. */
const LOCATION_SEPARATOR = ','

/** An order that was not written: by its place in the input from 1, with the indexes of what is unknown of it. */
type Exception = { ordinal: number; skus: number[] | null; locations: number[] | null }

// only exceptions come back: most batches have none, and reading rows would cost more than writing them
const run = prepare<unknown[], { jobId: string | null; clock: Date | null; exceptions: Exception[] | null }>(
  'insert-orders',
  `with input as (
    select
      id, caller, key, fingerprint, customer_id, reference, string_to_array(locations, '${LOCATION_SEPARATOR}') as locations,
      coalesce(if_short, 'ASK_SUPPLIER') as if_short, hold_seconds, ref, ordinal
    from unnest(
      $1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::if_short[], $9::int[], $10::json[]
    ) with ordinality as input (
      id, caller, key, fingerprint, customer_id, reference, locations, if_short, hold_seconds, ref, ordinal
    )
  ), clock as materialized (
    -- asked only if there is a hold
    select date_trunc('milliseconds', clock_timestamp()) as now where $9 is not null
  ), line as (
    select * from unnest($11::int[], $12::smallint[], $13::text[], $14::int[]) as line (ordinal, position, sku, qty)
  ), unknown_sku as (
    select ordinal, json_agg(position order by position) as positions
    from line where not exists (select from items where items.sku = line.sku)
    group by ordinal
  ), unknown_location as (
    select ordinal, json_agg(position - 1 order by position) as positions
    from input cross join lateral unnest(input.locations) with ordinality as named (code, position)
    where input.locations is not null
      and not exists (select from locations where locations.code = named.code and locations.is_active)
    group by ordinal
  ), known as (
    select * from input
    where ordinal not in (select ordinal from unknown_sku union all select ordinal from unknown_location)
  ), claimed as (
    -- in the keys' order: two statements that claim the same keys wait for each other in turn, never in a circle
    insert into idempotency_keys (caller, key, verb, fingerprint, order_id, created_at)
    select caller, key, 'createOrder', fingerprint, id, $15::timestamptz from known where key is not null order by caller, key
    on conflict do nothing
    returning order_id
  ), fresh as (
    select * from known where key is null or id in (select order_id from claimed)
  ), created as (
    insert into orders (id, customer_id, reference, locations, if_short, expires_at, status, version, created_at, updated_at)
    select
      id, customer_id, reference, locations, if_short, (select now from clock) + hold_seconds * interval '1 s', 'PENDING', 1, $15, $15
    from fresh
  ), listed as (
    insert into order_lines (order_id, sku, position, qty)
    select fresh.id, line.sku, line.position, line.qty from fresh join line using (ordinal)
  ), recorded as (
    insert into order_events (order_id, version, type, to_status, at, actor, outbox_id)
    select id, 1, 'OrderCreated', 'PENDING', $15, caller, ${NEXT_OUTBOX_ID} from fresh
  ), enqueued as (
    -- one job for all: each order pays only its share of the queue's cost. No other job has this key, so unsafe_dedupe always
    -- inserts, by two statements where add_jobs runs four
    select (graphile_worker.add_job(
      $16::text, json_build_object('orders', json_agg(ref order by ordinal)), run_at => now() + $18::float8 * interval '1 ms',
      max_attempts => $17::int, job_key => min(id::text), job_key_mode => 'unsafe_dedupe'
    )).id
    from fresh having count(*) > 0
  ), exceptions as (
    select input.ordinal, unknown_sku.positions as skus, unknown_location.positions as locations
    from input left join unknown_sku using (ordinal) left join unknown_location using (ordinal)
    where input.ordinal not in (select ordinal from fresh)
  )
  select
    (select id::text from enqueued) as "jobId",
    (select now from clock) as clock,
    (select json_agg(exceptions) from exceptions) as exceptions`,
)

/** @param clock the database's time at the insert; null if no order of the batch is a hold */
function asCreated(
  { id, customerId, reference, locations, ifShort, holdSeconds, lines }: NewOrder,
  createdAt: Date,
  clock: Date | null,
): Order {
  return {
    id,
    customerId,
    reference,
    locations,
    ifShort,
    expiresAt: holdSeconds === null ? null : new Date(clock!.getTime() + holdSeconds * 1_000),
    lines: lines.map(({ sku, qty }) => ({ sku, qty, reserved: 0, shipped: 0, cancelled: 0, returned: 0 })),
    status: 'PENDING',
    failureReason: null,
    lookedAt: false,
    ending: null,
    version: 1,
    createdAt,
    updatedAt: createdAt,
  }
}
