import { isAllowed } from '../../domain/authorisation.ts'
import type { Caller } from '../../domain/caller.ts'
import { type InventoryItem, isSku, promisableAt, type StockLevel } from '../../domain/stock/stock.ts'
import { findItem, findLevels } from '../../sql/stock/items.ts'
import { findLocations } from '../../sql/stock/locations.ts'
import type { ReadContext } from '../context.ts'

/** Stock of a SKU. `availableToPromise`: at active locations. */
export type StockOfItem = InventoryItem & {
  availableToPromise: bigint
  /** By location; null for a caller that may not see them. */
  levels: StockLevel[] | null
}

/**
 * Reads the stock of a SKU.
 *
 * @param caller a customer sees the sums alone
 * @returns null if no item has the SKU
 */
export async function findInventoryItem(
  { pool }: ReadContext,
  caller: Caller,
  sku: string,
): Promise<StockOfItem | null> {
  if (!isSku(sku)) return null
  const [item, levels] = await Promise.all([findItem(pool, sku), findLevels(pool, [sku])])
  if (!item) return null
  const locations = await findLocations(
    pool,
    levels.map(({ location }) => location),
  )
  const active = new Set(locations.filter(({ isActive }) => isActive).map(({ code }) => code))
  return {
    ...item,
    // of the levels that are answered
    available: sum(levels.map(({ available }) => available)),
    reserved: sum(levels.map(({ reserved }) => reserved)),
    availableToPromise: sum(levels.filter(({ location }) => active.has(location)).map(promisableAt)),
    levels: isAllowed(caller, 'readLevels') ? levels : null,
  }
}

function sum(quantities: readonly bigint[]): bigint {
  return quantities.reduce((total, quantity) => total + quantity, 0n)
}
