import type { Order } from '../domain/order.ts'
import { prepare, type Queryable } from './statement.ts'

/**
 * When orders came to the state that they are in, by their ids. Their events tell, one look into an index for each:
 * `updated_at` moves with each answer of a supplier. Where there are no orders, nothing is asked.
 */
export async function findArrivals(
  on: Queryable,
  orders: readonly Pick<Order, 'id' | 'version'>[],
): Promise<Map<string, Date>> {
  if (orders.length === 0) return new Map()
  const rows = await find(on, [orders.map(({ id }) => id), orders.map(({ version }) => version)])
  return new Map(rows.map(({ id, at }) => [id, at]))
}

const find = prepare<{ id: string; at: Date }>(
  'find-arrivals',
  `select order_events.order_id as id, order_events.at
  from unnest($1::uuid[], $2::int[]) as input (id, version)
  join order_events on order_events.order_id = input.id and order_events.version = input.version`,
)
