import { JOB_ATTEMPTS_MAX, type Job } from '../../domain/upkeep/jobs.ts'
import { plainArray, prepare, type Queryable, quotedArray } from '../statement.ts'

// The queue of a SKU is its lines whose `queued_qty` is set, in the order of their orders' ids. It is served under a mark, a row of
// `serving` with a job. A transaction writes or removes a mark only while it holds the lock of a level of the SKU.

const SERVE_WAITING = 'serve-waiting' satisfies Job['task']

/**
 * The promisable quantity of a SKU at all active locations, or at those in an array if it is not null. Of the type of the indexed
 * column that it is compared with.
 */
export const promisableOf = (sku: string, locations?: string) => `(
    select least(coalesce(sum(greatest(stock_levels.available - stock_levels.safety_stock, 0)), 0), 2147483647)::int
    from stock_levels join locations on locations.code = stock_levels.location
    where stock_levels.sku = ${sku} and locations.is_active${locations ? ` and ${isAmong(locations)}` : ''}
  )`

const isAmong = (locations: string) => `(${locations} is null or stock_levels.location = any (${locations}))`

const OLDEST = '00000000-0000-0000-0000-000000000000'

/** Adds a job for each SKU of `marked`. Without any it does not call `add_jobs`, which takes 0.5 ms to add nothing. */
export const ADD_SERVING_JOBS = `(
    select array_agg(
      ('${SERVE_WAITING}', json_build_object('sku', sku), null, now(), ${JOB_ATTEMPTS_MAX}::smallint, null, null, null)::graphile_worker.job_spec
    ) as specs
    from marked having count(*) > 0
  ) as wanted cross join lateral graphile_worker.add_jobs(wanted.specs)`

/** Marks SKUs that orders wait for, and adds a job that serves each in the same commit. The caller has locked a level of each. */
export async function serveQueuesOf(on: Queryable, skus: readonly string[]): Promise<void> {
  if (skus.length > 0) await serve(on, quotedArray(skus))
}

const serve = prepare<[skus: string]>(
  'serve-queues-of',
  `with marked as (
    insert into serving (sku)
    select wanted.sku from (select distinct unnest($1::text[]) as sku) as wanted
    where exists (select from order_lines where order_lines.sku = wanted.sku and order_lines.queued_qty is not null)
    order by wanted.sku
    on conflict (sku) do nothing
    returning sku
  )
  select count(*) from ${ADD_SERVING_JOBS}`,
)

/**
 * Queues PENDING orders for their SKUs that are being served, where they take their turn. They join no queue of another SKU: its
 * newer orders do not wait for them (decision 15).
 */
export async function queueOrders(on: Queryable, orderIds: readonly string[]): Promise<void> {
  if (orderIds.length > 0) await queue(on, plainArray(orderIds))
}

const queue = prepare<[orderIds: string]>(
  'queue-orders',
  `update order_lines set queued_qty = 0
  from unnest($1::uuid[]) as late (id), serving
  where order_lines.order_id = late.id and order_lines.queued_qty is null and order_lines.sku = serving.sku
    and order_lines.qty > order_lines.reserved + order_lines.shipped + order_lines.cancelled`,
)

/**
 * The next orders in the queue of a SKU: new orders, and waiting orders that fit. An order that waits for stock of several SKUs fits
 * only as a whole. Orders that are passed over are left out. The first condition is one probe of an index: if nobody fits, the
 * queue is not read. Conditions on an order are scalars, so that PostgreSQL walks along the queue and joins no tables.
 */
export const turnOf = (sku: string, limit: string) => `(
    select candidate.order_id from (
      select order_lines.order_id, order_lines.queued_qty from order_lines
      where order_lines.sku = ${sku}
        and (
          select min(smallest.queued_qty) from order_lines as smallest
          where smallest.sku = ${sku} and smallest.queued_qty is not null
        ) <= ${promisableOf(sku)}
        and order_lines.queued_qty is not null
        and order_lines.queued_qty <= ${promisableOf(sku)}
      order by order_lines.sku, order_lines.order_id
    ) as candidate
    where (
      select (orders.passed_over_until is null or orders.passed_over_until < now())
        and (candidate.queued_qty = 0 or (
          (orders.locations is null or candidate.queued_qty <= ${promisableOf(sku, 'orders.locations')})
          and (orders.if_short <> 'WAIT' or (
            select bool_and(waited.queued_qty <= ${promisableOf('waited.sku', 'orders.locations')}) from order_lines as waited
            where waited.order_id = candidate.order_id and waited.queued_qty is not null
          ))
        ))
      from orders where orders.id = candidate.order_id
    )
    limit ${limit}
  )`

/** Whose turn it is: ids of orders, oldest first, and those of their waiting SKUs that are being served. */
export type Turn = { ids: string[]; skus: string[] }

/** Reads whose turn it is in the queues of SKUs. Skips SKUs that are not being served. */
export async function findTurn(on: Queryable, skus: Iterable<string>, limit: number): Promise<Turn> {
  const [turn] = await find(on, quotedArray([...skus]), limit)
  return turn!
}

const find = prepare<[skus: string, limit: number], Turn>(
  'find-turn',
  `with turn as (
    select distinct next.order_id
    from serving cross join lateral ${turnOf('serving.sku', '$2::int')} as next
    where serving.sku = any ($1::text[])
    order by next.order_id limit $2::int
  )
  select
    array(select order_id::text from turn order by order_id) as ids,
    array(
      select distinct waited.sku
      from turn cross join lateral (
        select sku from order_lines
        where order_lines.order_id = turn.order_id and qty > reserved + shipped + cancelled order by sku
      ) as waited
      where waited.sku = any (array(select sku from serving))
    ) as skus`,
)

/**
 * Passes orders over for a while: their turn does not come until then. They keep their place. Skips orders that no longer wait.
 *
 * @returns the ids of those passed over
 */
export async function passOverOrders(
  on: Queryable,
  orderIds: readonly string[],
  durationMs: number,
): Promise<string[]> {
  if (orderIds.length === 0) return []
  const rows = await passOver(on, plainArray(orderIds), durationMs)
  return rows.map(({ id }) => id)
}

const passOver = prepare<[orderIds: string, durationMs: number], { id: string }>(
  'pass-over-orders',
  `update orders set passed_over_until = now() + $2::float8 * interval '1 ms'
  where id = any ($1::uuid[]) and status in ('PENDING', 'AWAITING_RESTOCK', 'PARTIALLY_SHIPPED')
  returning id`,
)

/** Returns whether the queue of a SKU contains an order that was passed over before. Reads the whole queue. */
export async function hasPassedOver(on: Queryable, sku: string): Promise<boolean> {
  const [row] = await findPassedOver(on, sku)
  return row!.found
}

const findPassedOver = prepare<[sku: string], { found: boolean }>(
  'find-passed-over',
  `select exists (
    select from order_lines join orders on orders.id = order_lines.order_id
    where order_lines.sku = $1 and order_lines.queued_qty is not null and orders.passed_over_until is not null
  ) as found`,
)

/**
 * Finds the orders of a queue that end with its dead job: the first whose turn it is, and new orders created before a time.
 *
 * @returns ids of orders
 */
export async function findStuck(on: Queryable, sku: string, before: Date, limit: number): Promise<string[]> {
  const rows = await stuck(on, sku, before, limit)
  return rows.map(({ id }) => id)
}

const stuck = prepare<[sku: string, before: Date, limit: number], { id: string }>(
  'find-stuck',
  `select next.order_id as id from serving cross join lateral ${turnOf('serving.sku', '1')} as next where serving.sku = $1
  union
  (
    select orders.id from order_lines join orders on orders.id = order_lines.order_id
    where order_lines.sku = $1 and order_lines.queued_qty = 0 and orders.created_at < $2
    order by orders.id limit $3
  )`,
)

/**
 * Removes the marks of SKUs where it is nobody's turn. The caller has locked a level of each.
 *
 * @returns the SKUs whose mark stays
 */
export async function endServing(on: Queryable, skus: Iterable<string>): Promise<Set<string>> {
  const rows = await end(on, quotedArray([...skus]))
  return new Set(rows.map(({ sku }) => sku))
}

const end = prepare<[skus: string], { sku: string }>(
  'end-serving',
  `with still as (
    select serving.sku, exists ${turnOf('serving.sku', '1')} as is_served
    from serving where serving.sku = any ($1::text[])
  ), ended as (
    delete from serving using still where serving.sku = still.sku and not still.is_served
  )
  select sku from still where is_served`,
)

/**
 * Reads a page of the orders that wait for a SKU, in the order in which they are served.
 *
 * @param customerId only this customer's orders; null for all
 * @param after the order before the page; null for the first page
 * @returns ids of orders
 */
export async function findWaitingOrders(
  on: Queryable,
  page: { sku: string; customerId: string | null; after: string | null; sizeMax: number },
): Promise<string[]> {
  const { sku, customerId, after, sizeMax } = page
  const begin = after ?? OLDEST
  const rows =
    customerId === null
      ? await listAll(on, sku, begin, sizeMax)
      : await listOwn(on, sku, begin, sizeMax, customerId)
  return rows.map(({ id }) => id)
}

const listAll = prepare<[sku: string, after: string, sizeMax: number], { id: string }>(
  'find-waiting-orders',
  `select order_lines.order_id as id from order_lines
  where order_lines.sku = $1 and order_lines.queued_qty is not null and order_lines.order_id > $2::uuid
  order by order_lines.sku, order_lines.order_id
  limit $3::int`,
)

// reads the customer's own orders that may wait: the queue may have 100,000 of others
const listOwn = prepare<[sku: string, after: string, sizeMax: number, customerId: string], { id: string }>(
  'find-own-waiting-orders',
  `select orders.id from orders
  where orders.customer_id = $4 and orders.status in ('PENDING', 'AWAITING_RESTOCK', 'PARTIALLY_SHIPPED') and orders.id > $2::uuid
    and exists (
      select from order_lines
      where order_lines.order_id = orders.id and order_lines.sku = $1 and order_lines.queued_qty is not null
    )
  order by orders.id
  limit $3::int`,
)

/** Returns the quantity that orders wait for, by SKU. SKUs that nobody waits for are left out. */
export async function sumBackorders(on: Queryable, skus: readonly string[]): Promise<Map<string, bigint>> {
  const rows = await sum(on, quotedArray(skus))
  return new Map(rows.map(({ sku, qty }) => [sku, qty]))
}

const sum = prepare<[skus: string], { sku: string; qty: bigint }>(
  'sum-backorders',
  `select order_lines.sku, sum(order_lines.queued_qty) as qty
  from (select distinct unnest($1::text[]) as sku) as wanted
  join order_lines on order_lines.sku = wanted.sku and order_lines.queued_qty is not null
  group by order_lines.sku having sum(order_lines.queued_qty) > 0`,
)
