import { validate as isUuid } from 'uuid'
import type { App } from '../../app.ts'
import { canSee } from '../../domain/authorisation.ts'
import type { Caller } from '../../domain/caller.ts'
import type { Order } from '../../domain/orders/order.ts'
import { findOrders } from '../../sql/orders/find-orders.ts'

/**
 * The order as it stands.
 *
 * @param id as the caller sent it, not necessarily a UUID
 * @returns null for an id that no order has, or can have, or that is not for the caller to know of
 */
export async function findOrder(app: App, caller: Caller, id: string): Promise<Order | null> {
  // PostgreSQL takes an error, not an unknown order, from what is no UUID
  if (!isUuid(id)) return null
  const [order] = await findOrders(app.pool, [id])
  return order && canSee(caller, order) ? order : null
}
