import type { App } from '../../app.ts'
import { assertAllowed } from '../../domain/authorisation.ts'
import type { Caller } from '../../domain/caller.ts'
import { type InventoryMovement, isSku } from '../../domain/stock/stock.ts'
import { findMovements, type MovementPage } from '../../sql/stock/find-movements.ts'

export type { MovementPage }

/**
 * Reads pages of ledgers together.
 *
 * @returns the movements of each page, newest first, in the order of the pages; none for a SKU that is unknown
 * @throws {CallError} FORBIDDEN for customers
 */
export async function listMovementPages(
  app: App,
  caller: Caller,
  pages: readonly MovementPage[],
): Promise<InventoryMovement[][]> {
  assertAllowed(caller, 'readLedger')
  // what cannot be a SKU never reaches the database: a zero byte there is an error, not an unknown SKU
  const known = pages.filter((page) => isSku(page.sku))
  const found = await findMovements(app.pool, known)
  const movementsOf = new Map(known.map((page, index) => [page, found[index]!]))
  return pages.map((page) => movementsOf.get(page) ?? [])
}
