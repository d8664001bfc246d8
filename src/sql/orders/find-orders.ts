import type { Order } from '../../domain/orders/order.ts'
import { ORDER_COLUMNS, prepare } from '../statement.ts'

/** Reads the orders that exist among `ids`, in no particular order. */
export const findOrders = prepare<[ids: readonly string[]], Order>(
  'find-orders',
  `select ${ORDER_COLUMNS} from orders join (select distinct unnest($1::uuid[]) as id) as wanted on wanted.id = orders.id`,
)

/**
 * Locks the orders that exist among `ids`. Locked by id: two batches that share orders queue up and never deadlock. A join and
 * not `any`, for the reason in `lockStock`.
 *
 * @returns them, oldest first
 */
export const lockOrders = prepare<[ids: readonly string[]], Order>(
  'lock-orders',
  `select ${ORDER_COLUMNS}
  from orders join (select distinct unnest($1::uuid[]) as id) as wanted on wanted.id = orders.id
  order by orders.id for update of orders`,
)

/** Reads the order that a caller has under an idempotency key: none if the key is free. */
export const findOrderByKey = prepare<[caller: string, key: string], Order>(
  'find-order-by-key',
  `select ${ORDER_COLUMNS} from idempotency_keys join orders on orders.id = idempotency_keys.order_id
  where idempotency_keys.caller = $1 and idempotency_keys.key = $2`,
)
