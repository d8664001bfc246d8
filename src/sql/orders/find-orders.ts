import type { Order } from '../../domain/orders/order.ts'
import { plainArray, prepare, type Queryable } from '../statement.ts'
import { ORDER_ROWS, type OrderRow, readOrders } from './order-rows.ts'

// The planner is not told how many ids there are: until statistics say how many lines an order has, it expects hundreds, and
// would read every line there is for 500 orders
const FROM_WANTED = `from (select distinct unnest((select $1::uuid[])) as id) as wanted
  join orders on orders.id = wanted.id
  join order_lines on order_lines.order_id = orders.id
  order by orders.id, order_lines.position`

/** Reads the orders that exist among `ids`, oldest first. */
export async function findOrders(on: Queryable, ids: readonly string[]): Promise<Order[]> {
  return readOrders(await find(on, ids))
}

const find = prepare<[ids: readonly string[]], OrderRow>('find-orders', `select ${ORDER_ROWS} ${FROM_WANTED}`)

/**
 * Locks the orders that exist among `ids`. Locked by id: two batches that share orders queue up and never deadlock. A join and
 * not `any`, for the reason in `lockStock`. Locks their lines too: after a lock wait PostgreSQL reads anew only the rows that
 * it locks.
 *
 * @returns them, oldest first
 */
export async function lockOrders(on: Queryable, ids: readonly string[]): Promise<Order[]> {
  return readOrders(await lock(on, ids))
}

/** Locks the orders among `ids` that nobody else has locked. It never waits, so the caller may hold stock. @returns their ids */
export async function lockFreeOrders(on: Queryable, ids: readonly string[]): Promise<string[]> {
  return (await lockFree(on, plainArray(ids))).map(({ id }) => id)
}

const lockFree = prepare<[ids: string], { id: string }>(
  'lock-free-orders',
  `select orders.id from (select distinct unnest($1::uuid[]) as id) as wanted
  join orders on orders.id = wanted.id
  order by orders.id
  for update of orders skip locked`,
)

const lock = prepare<[ids: readonly string[]], OrderRow>(
  'lock-orders',
  `select ${ORDER_ROWS} ${FROM_WANTED} for update of orders, order_lines`,
)
