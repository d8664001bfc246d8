import { JOB_ATTEMPTS_MAX, type Job } from '../../domain/upkeep/jobs.ts'
import { plainArray, prepare, type Queryable, quotedArray } from '../statement.ts'

// A SKU's queue is its lines whose `queued_qty` is set, in the order of their orders' ids. It is served under a mark: a row of
// `serving`, and a job for it. Marks are written only by who has locked levels of their SKU.

const SERVE_WAITING = 'serve-waiting' satisfies Job['task']

/** What a new order of a SKU can get at all locations together. Compared with a column of an index, so of its type. */
export const promisableOf = (sku: string) => `(
    select least(coalesce(sum(greatest(stock_levels.available - stock_levels.safety_stock, 0)), 0), 2147483647)::int
    from stock_levels join locations on locations.code = stock_levels.location
    where stock_levels.sku = ${sku} and locations.is_active
  )`

const OLDEST = '00000000-0000-0000-0000-000000000000'

/** Writes a job for each new mark of `marked`. */
export const ADD_SERVING_JOBS = `graphile_worker.add_jobs(array(
    select ('${SERVE_WAITING}', json_build_object('sku', sku), null, now(), ${JOB_ATTEMPTS_MAX}::smallint, null, null, null)::graphile_worker.job_spec
    from marked where is_new
  ))`

/**
 * Has the queues of SKUs served, from the front, by a job of this commit, if anybody waits there. The caller has locked a level
 * of each.
 */
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
    on conflict (sku) do update set after = null
    returning sku, xmax = 0 as is_new
  )
  select count(*) from ${ADD_SERVING_JOBS}`,
)

/**
 * Queues PENDING orders for those of their SKUs that are being served: they take their turn. They are in no queue of another
 * SKU, whose newer orders do not wait for them (decision 15). Where a queue is served behind them already, it is served from the
 * front again.
 */
export async function queueOrders(on: Queryable, orderIds: readonly string[]): Promise<void> {
  if (orderIds.length > 0) await queue(on, plainArray(orderIds))
}

const queue = prepare<[orderIds: string]>(
  'queue-orders',
  `with queued as (
    update order_lines set queued_qty = 0
    from unnest($1::uuid[]) as late (id), serving
    where order_lines.order_id = late.id and order_lines.queued_qty is null and order_lines.sku = serving.sku
      and order_lines.qty > order_lines.reserved + order_lines.shipped + order_lines.cancelled
    returning order_lines.sku, order_lines.order_id
  )
  update serving set after = null
  from (select sku, min(order_id::text)::uuid as order_id from queued group by sku) as first
  where serving.sku = first.sku and serving.after >= first.order_id`,
)

/**
 * Reads whose turn it is in a SKU's queue: the first orders behind those that were looked at, of lines that fit into what can be
 * promised.
 *
 * @returns their ids, oldest first; null if the queue is not being served
 */
export async function findTurn(on: Queryable, sku: string, limit: number): Promise<string[] | null> {
  const [row] = await find(on, sku, limit)
  return row ? row.ids : null
}

const find = prepare<[sku: string, limit: number], { ids: string[] }>(
  'find-turn',
  // the first condition is one probe of an index: where nobody fits, no queue is read
  `select array(
    select order_lines.order_id::text from order_lines
    where order_lines.sku = $1
      and (
        select min(smallest.queued_qty) from order_lines as smallest
        where smallest.sku = $1 and smallest.queued_qty is not null
      ) <= ${promisableOf('$1')}
      and order_lines.queued_qty is not null
      and order_lines.queued_qty <= ${promisableOf('$1')}
      and order_lines.order_id > coalesce(serving.after, '${OLDEST}')
    order by order_lines.sku, order_lines.order_id
    limit $2::int
  ) as ids
  from serving where serving.sku = $1`,
)

/** Notes up to which order a SKU's queue was looked at. */
export async function noteTurn(on: Queryable, sku: string, orderId: string): Promise<void> {
  await note(on, sku, orderId)
}

const note = prepare<[sku: string, orderId: string]>(
  'note-turn',
  'update serving set after = $2 where sku = $1',
)

/** Takes a SKU's mark away: nobody who waits would fit. */
export async function endServing(on: Queryable, sku: string): Promise<void> {
  await end(on, sku)
}

const end = prepare<[sku: string]>('end-serving', 'delete from serving where sku = $1')

/**
 * Reads a page of the orders that wait for a SKU, in the order in which they are served.
 *
 * @param customerId whose orders alone; null for all
 * @param after the id before the page's first; null from the front
 * @returns their ids
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

// along the customer's own orders of the states that wait: a queue may have 100,000 of others
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

/** Reads what orders wait for, by SKU; 0 is left out. */
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
