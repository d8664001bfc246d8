import type pg from 'pg'
import { validate as isUuid } from 'uuid'
import { GroupCommit, type GroupObserver } from '../../database/group-commit.ts'
import { canSee, customerSeenBy } from '../../domain/authorisation.ts'
import { type Caller, isCallerId } from '../../domain/caller.ts'
import type { Order } from '../../domain/orders/order.ts'
import { isSku } from '../../domain/stock/stock.ts'
import { findOrderPage, type OrderPage } from '../../sql/orders/find-order-page.ts'
import { findOrders } from '../../sql/orders/find-orders.ts'
import type { ReadContext } from '../context.ts'
import { isText, REFERENCE_LENGTH_MAX } from '../user-errors.ts'

/** Group in which reads of orders share a statement. A read returns the order, or undefined if there is none. */
export type OrderReader = GroupCommit<string, Order | undefined>

/** Orders of one statement: a reply of about 250 kB. */
export const READ_BATCH_MAX = 1_000
/** Reads that may wait at once, each some 200 bytes. */
const READS_WAITING_MAX = 100_000

/**
 * Reads the current state of an order.
 *
 * @param id as the caller sent it, not necessarily a UUID
 * @returns null if no order has this id, or the caller may not see the order
 */
export async function findOrder({ pool }: ReadContext, caller: Caller, id: string): Promise<Order | null> {
  // to PostgreSQL a malformed UUID is an error, not an unknown order
  if (!isUuid(id)) return null
  const [order] = await findOrders(pool, [id])
  return order && canSee(caller, order) ? order : null
}

/** Makes the group that reads orders for watchers and tasks. It checks no rights. */
export function createOrderReader(pool: pg.Pool, observer: GroupObserver): OrderReader {
  const read = async (ids: string[]) => {
    const orders = new Map((await findOrders(pool, ids)).map((order) => [order.id, order]))
    return ids.map((id) => orders.get(id))
  }
  return new GroupCommit(read, { batchSizeMax: READ_BATCH_MAX, waitingMax: READS_WAITING_MAX, ...observer })
}

/** Filters: of a customer, by the shop's number, holds alone. Left out or null, they match every order. */
export type OrderListRequest = Omit<OrderPage, 'customerId' | 'reference' | 'isHold'> &
  Partial<Pick<OrderPage, 'customerId' | 'reference' | 'isHold'>>

/** The ids of a page of the orders that a caller may see, newest first; of what no order can have an empty one. */
export async function listOrders(
  { pool }: ReadContext,
  caller: Caller,
  { customerId = null, reference = null, isHold = null, ...page }: OrderListRequest,
): Promise<string[]> {
  const seen = customerSeenBy(caller)
  if (customerId !== null && (!isCallerId(customerId) || (seen ?? customerId) !== customerId)) return []
  if (page.sku !== null && !isSku(page.sku)) return []
  if (reference !== null && !isText(reference, REFERENCE_LENGTH_MAX)) return []
  return findOrderPage(pool, { ...page, reference, isHold, customerId: seen ?? customerId })
}

/** Reads orders that exist, in the order of their ids as given: of a list that the caller may see. It checks no rights. */
export async function readOrdersOf({ pool }: ReadContext, ids: readonly string[]): Promise<Order[]> {
  const orderOf = new Map((await findOrders(pool, ids)).map((order) => [order.id, order]))
  return ids.map((id) => orderOf.get(id)!)
}
