import { customerSeenBy } from '../../domain/authorisation.ts'
import type { Caller } from '../../domain/caller.ts'
import { isSku } from '../../domain/stock/stock.ts'
import { findOrderPage, type OrderPage } from '../../sql/orders/find-order-page.ts'
import type { ReadContext } from '../context.ts'

/** Reads a page of the orders that a caller may see. @returns their ids, newest first; none for a malformed SKU */
export async function listOrders(
  { pool }: ReadContext,
  caller: Caller,
  page: Omit<OrderPage, 'customerId'>,
): Promise<string[]> {
  if (page.sku !== null && !isSku(page.sku)) return []
  return findOrderPage(pool, { ...page, customerId: customerSeenBy(caller) })
}
