import type { Shortfall } from '../../../domain/stock/plan-changes.ts'
import { plainArray, prepare, type Queryable, quotedArray } from '../../statement.ts'

/** A promise: an order and a SKU that is reserved for it. */
export type Promised = { orderId: string; sku: string }

/**
 * Finds the newest promises at levels, as many as cover the shortfall of each level.
 *
 * @param limit of promises at one level: the search stops there, and may leave a part of the shortfall uncovered
 */
export async function findNewestHolders(
  on: Queryable,
  shortfalls: readonly Shortfall[],
  limit: number,
): Promise<Promised[]> {
  if (shortfalls.length === 0) return []
  return find(
    on,
    quotedArray(shortfalls.map(({ sku }) => sku)),
    quotedArray(shortfalls.map(({ location }) => location)),
    plainArray(shortfalls.map(({ qty }) => qty)),
    limit,
  )
}

// from line to line of the SKU, the newest first, by its index, and no further than needed: a sum would read all. Newer lines that
// hold nothing any more are read and passed over: shops mostly ship the oldest first
const find = prepare<[skus: string, locations: string, qtys: string, limit: number], Promised>(
  'find-newest-holders',
  `with recursive holder as (
    select sku, location, qty as lacking, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid as order_id, 0 as number
    from unnest($1::text[], $2::text[], $3::bigint[]) as needed (sku, location, qty)
    union all
    select holder.sku, holder.location, holder.lacking - older.held, older.order_id, holder.number + 1
    from holder
    cross join lateral (
      select order_lines.order_id, here.held
      from order_lines
      cross join lateral (
        select sum(movements.reserved_delta) as held from inventory_movements as movements
        where movements.order_id = order_lines.order_id and movements.sku = holder.sku and movements.location = holder.location
      ) as here
      where order_lines.sku = holder.sku and order_lines.order_id < holder.order_id and order_lines.reserved > 0
        and here.held > 0
      order by order_lines.sku desc, order_lines.order_id desc
      limit 1
    ) as older
    where holder.lacking > 0 and holder.number < $4::int
  )
  select distinct order_id as "orderId", sku from holder where number > 0`,
)
