import type pg from 'pg'
import { validate as isUuid } from 'uuid'
import { GroupCommit, type GroupObserver } from '../../database/group-commit.ts'
import { canSee, customerSeenBy } from '../../domain/authorisation.ts'
import type { Caller } from '../../domain/caller.ts'
import type { Order } from '../../domain/orders/order.ts'
import { isSku } from '../../domain/stock/stock.ts'
import { findOrderPage, type OrderPage } from '../../sql/orders/find-order-page.ts'
import { findOrders } from '../../sql/orders/find-orders.ts'
import type { ReadContext } from '../context.ts'

/** Where reads of orders come together to share a statement: each gets the order, or undefined where there is none. */
export type OrderReader = GroupCommit<string, Order | undefined>

/** Orders of one read: a reply of about 250 kB. */
const READ_BATCH_MAX = 1_000
/** Reads that may wait at once, each some 200 bytes. */
const READS_WAITING_MAX = 100_000

/**
 * The order as it stands.
 *
 * @param id as the caller sent it, not necessarily a UUID
 * @returns null for an id that no order has, or can have, or that is not for the caller to know of
 */
export async function findOrder({ pool }: ReadContext, caller: Caller, id: string): Promise<Order | null> {
  // PostgreSQL takes an error, not an unknown order, from what is no UUID
  if (!isUuid(id)) return null
  const [order] = await findOrders(pool, [id])
  return order && canSee(caller, order) ? order : null
}

/** Makes what reads the orders that watchers and tasks ask for, together and whoever asks. */
export function createOrderReader(pool: pg.Pool, observer: GroupObserver): OrderReader {
  const read = async (ids: string[]) => {
    const orders = new Map((await findOrders(pool, ids)).map((order) => [order.id, order]))
    return ids.map((id) => orders.get(id))
  }
  return new GroupCommit(read, { batchSizeMax: READ_BATCH_MAX, waitingMax: READS_WAITING_MAX, ...observer })
}

/** The ids of a page of the orders that a caller may see, newest first; of what is no SKU an empty one. */
export async function listOrders(
  { pool }: ReadContext,
  caller: Caller,
  page: Omit<OrderPage, 'customerId'>,
): Promise<string[]> {
  if (page.sku !== null && !isSku(page.sku)) return []
  return findOrderPage(pool, { ...page, customerId: customerSeenBy(caller) })
}
