import { assertAllowed } from '../../domain/authorisation.ts'
import type { Caller } from '../../domain/caller.ts'
import { isSku } from '../../domain/stock/stock.ts'
import { findItemPage, type ItemPage } from '../../sql/stock/find-item-page.ts'
import type { ReadContext } from '../context.ts'

/**
 * Lists the SKUs of items for which all of a filter holds, in the order of their bytes. The list of a prefix that no SKU can have is
 * empty.
 *
 * @throws {CallError} FORBIDDEN for customers who ask what is low, or what others wait for
 */
export async function listItems(
  { pool }: ReadContext,
  caller: Caller,
  { skuPrefix, ...page }: ItemPage,
): Promise<string[]> {
  if (page.isLow !== null || page.isBackordered !== null) assertAllowed(caller, 'readLevels')
  const prefix = skuPrefix === '' ? null : skuPrefix
  if (prefix !== null && !isSku(prefix)) return []
  return findItemPage(pool, { ...page, skuPrefix: prefix })
}
