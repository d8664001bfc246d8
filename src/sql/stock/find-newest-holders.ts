import type { Shortfall } from '../../domain/stock/plan-changes.ts'
import { plainArray, prepare, type Queryable, quotedArray } from '../statement.ts'

/** What an order was promised of a SKU. */
export type Promised = { orderId: string; sku: string }

/**
 * Reads which promises hold what is to be taken back at levels: of each level as many of the newest as it takes.
 *
 * @param limit of those of one level: where it takes more, so many are returned
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

// from the newest line of the SKU backwards, by its index. Each that holds anything here holds a piece at least: no more are read
// than pieces are needed
const find = prepare<[skus: string, locations: string, qtys: string, limit: number], Promised>(
  'find-newest-holders',
  `select distinct holder.order_id as "orderId", needed.sku
  from unnest($1::text[], $2::text[], $3::bigint[]) as needed (sku, location, qty)
  cross join lateral (
    select newest.order_id, newest.held, sum(newest.held) over (order by newest.order_id desc) as so_far
    from (
      select order_lines.order_id, here.held
      from order_lines
      cross join lateral (
        select sum(movements.reserved_delta) as held from inventory_movements as movements
        where movements.order_id = order_lines.order_id and movements.sku = needed.sku and movements.location = needed.location
      ) as here
      where order_lines.sku = needed.sku and order_lines.reserved > 0 and here.held > 0
      order by order_lines.sku desc, order_lines.order_id desc
      limit least(needed.qty, $4::int)
    ) as newest
  ) as holder
  where holder.so_far - holder.held < needed.qty`,
)
