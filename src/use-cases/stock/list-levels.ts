import { assertAllowed } from '../../domain/authorisation.ts'
import type { Caller } from '../../domain/caller.ts'
import { isSku, type StockLevel } from '../../domain/stock/stock.ts'
import { findLevels } from '../../sql/stock/items.ts'
import type { ReadContext } from '../context.ts'

/**
 * Reads the stock of SKUs at each location.
 *
 * @returns by SKU and location; none for an unknown SKU
 * @throws {CallError} FORBIDDEN for customers
 */
export async function listLevels(
  { pool }: ReadContext,
  caller: Caller,
  skus: readonly string[],
): Promise<StockLevel[]> {
  assertAllowed(caller, 'readLevels')
  const known = skus.filter(isSku)
  return known.length === 0 ? [] : findLevels(pool, known)
}
