import { assertAllowed, customerSeenBy } from '../../domain/authorisation.ts'
import type { Caller } from '../../domain/caller.ts'
import { isSku } from '../../domain/stock/stock.ts'
import { findWaitingOrders, sumBackorders } from '../../sql/orders/waiting-queue.ts'
import type { ReadContext } from '../context.ts'

/**
 * Lists the orders that wait for a SKU and that a caller may see, in the order in which they are served.
 *
 * @param page `after`: the id before the page's first; null from the front
 * @returns their ids; none for an invalid SKU
 */
export async function listWaitingOrders(
  { pool }: ReadContext,
  caller: Caller,
  page: { sku: string; after: string | null; sizeMax: number },
): Promise<string[]> {
  if (!isSku(page.sku)) return []
  return findWaitingOrders(pool, { ...page, customerId: customerSeenBy(caller) })
}

/**
 * Sums up the waiting quantities by SKU, without SKUs that no order waits for.
 *
 * @throws {CallError} FORBIDDEN for customers
 */
export async function sumWaiting(
  { pool }: ReadContext,
  caller: Caller,
  skus: readonly string[],
): Promise<Map<string, bigint>> {
  assertAllowed(caller, 'readLevels')
  return sumBackorders(pool, skus.filter(isSku))
}
