import type { Order } from '../domain/order.ts'
import { ORDER_COLUMNS, prepare, type Queryable } from './statement.ts'

/** The orders that exist among `ids`, in no order. */
export function findOrders(on: Queryable, ids: readonly string[]): Promise<Order[]> {
  return find(on, [ids])
}

const find = prepare<Order>('find-orders', `select ${ORDER_COLUMNS} from orders where id = any ($1::uuid[])`)

/** Locks the orders that exist among `ids`, and gives them oldest first. */
export function lockOrders(on: Queryable, ids: readonly string[]): Promise<Order[]> {
  return lock(on, [ids])
}

// locked in the order of their ids: two batches that share orders wait for each other in turn, never in a circle
const lock = prepare<Order>(
  'lock-orders',
  `select ${ORDER_COLUMNS} from orders where id = any ($1::uuid[]) order by id for update`,
)

/** An order under an idempotency key, with what the key was first used for. */
export type KeyedOrder = Order & { caller: string; key: string }

/** The orders that callers already have under these keys; a key nobody used has no row. */
export function findOrdersByKey(
  on: Queryable,
  keys: readonly { caller: string; key: string | null }[],
): Promise<KeyedOrder[]> {
  return findByKey(on, [keys.map((key) => key.caller), keys.map((key) => key.key)])
}

const findByKey = prepare<KeyedOrder>(
  'find-orders-by-key',
  `select idempotency_keys.caller, idempotency_keys.key, ${ORDER_COLUMNS}
  from unnest($1::text[], $2::text[]) as wanted (caller, key)
  join idempotency_keys using (caller, key)
  join orders on orders.id = idempotency_keys.order_id`,
)
