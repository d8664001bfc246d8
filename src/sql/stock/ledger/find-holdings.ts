import type { Allocation } from '../../../domain/stock/allocation.ts'
import { plainArray, prepare, type Queryable } from '../../statement.ts'

/** A quantity that an order holds at a location. */
export type Holding = Allocation & { orderId: string }

/** Reads from the movements of orders where their reserved stock is, by order, SKU and location. */
export function findHoldings(on: Queryable, orderIds: readonly string[]): Promise<Holding[]> {
  return find(on, plainArray(orderIds))
}

const find = prepare<[orderIds: string], Holding>(
  'find-holdings',
  `select movements.order_id as "orderId", movements.sku, movements.location, sum(movements.reserved_delta)::int as qty
  from (select distinct unnest($1::uuid[]) as id) as wanted
  join inventory_movements as movements on movements.order_id = wanted.id
  group by movements.order_id, movements.sku, movements.location
  having sum(movements.reserved_delta) <> 0
  order by movements.order_id, movements.sku, movements.location`,
)
