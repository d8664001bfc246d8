import type { Order } from '../../domain/orders/order.ts'
import { ORDER_COLUMNS, prepare, type Queryable } from '../statement.ts'

/** Reads the orders that exist among `ids`, in no particular order. */
export function findOrders(on: Queryable, ids: readonly string[]): Promise<Order[]> {
  return find(on, [ids])
}

const find = prepare<Order>(
  'find-orders',
  `select ${ORDER_COLUMNS} from orders join (select distinct unnest($1::uuid[]) as id) as wanted on wanted.id = orders.id`,
)

/** Locks the orders that exist among `ids`. @returns them, oldest first */
export function lockOrders(on: Queryable, ids: readonly string[]): Promise<Order[]> {
  return lock(on, [ids])
}

// locked by id: two batches that share orders queue up and never deadlock. A join and not `any`, for the reason in lock-stock
const lock = prepare<Order>(
  'lock-orders',
  `select ${ORDER_COLUMNS}
  from orders join (select distinct unnest($1::uuid[]) as id) as wanted on wanted.id = orders.id
  order by orders.id for update of orders`,
)

/** Reads the order that a caller has under an idempotency key. @returns null if the key is free */
export async function findOrderByKey(on: Queryable, caller: string, key: string): Promise<Order | null> {
  return (await findByKey(on, [caller, key]))[0] ?? null
}

const findByKey = prepare<Order>(
  'find-order-by-key',
  `select ${ORDER_COLUMNS} from idempotency_keys join orders on orders.id = idempotency_keys.order_id
  where idempotency_keys.caller = $1 and idempotency_keys.key = $2`,
)
