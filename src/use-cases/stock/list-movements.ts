import { assertAllowed } from '../../domain/authorisation.ts'
import type { Caller } from '../../domain/caller.ts'
import { isLocationCode } from '../../domain/stock/location.ts'
import { type InventoryMovement, isSku } from '../../domain/stock/stock.ts'
import { findMovements } from '../../sql/stock/find-movements.ts'
import { findItem } from '../../sql/stock/items.ts'
import type { ReadContext } from '../context.ts'

/** Which page of a SKU's ledger, at one location or at all: `limit` movements at most, those older than the movement `before`, else the newest. */
export type ListMovementsRequest = { sku: string; location?: string | null; limit: number; before?: bigint }

/** Movements, newest first, and whether there are older ones. */
export type LedgerPage = { movements: InventoryMovement[]; hasOlder: boolean }

/**
 * Reads a SKU's ledger, newest first.
 *
 * @returns null for an unknown SKU
 * @throws {CallError} FORBIDDEN for customers
 */
export async function listMovements(
  { pool }: ReadContext,
  caller: Caller,
  { sku, location = null, limit, before }: ListMovementsRequest,
): Promise<LedgerPage | null> {
  assertAllowed(caller, 'readLedger')
  if (!isSku(sku)) return null
  if (location !== null && !isLocationCode(location)) return { movements: [], hasOlder: false }
  // one more than asked for tells whether another page follows
  const page = { sku, location, cursor: before ?? null, direction: 'older', sizeMax: limit + 1 } as const
  const [movements = []] = await findMovements(pool, [page])
  // a ledger with something in it is an item's: only an empty page needs the second query
  if (movements.length === 0 && !(await findItem(pool, sku))) return null
  return { movements: movements.slice(0, limit), hasOlder: movements.length > limit }
}
