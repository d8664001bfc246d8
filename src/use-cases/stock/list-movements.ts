import { GroupCommit } from '../../database/group-commit.ts'
import { assertAllowed } from '../../domain/authorisation.ts'
import type { Caller } from '../../domain/caller.ts'
import { isLocationCode } from '../../domain/stock/location.ts'
import { type InventoryMovement, isSku } from '../../domain/stock/stock.ts'
import { findItem } from '../../sql/stock/items.ts'
import { findMovements, type MovementPage } from '../../sql/stock/ledger/find-movements.ts'
import type { ReadContext } from '../context.ts'

/**
 * Reads a page of a SKU's ledger, at one location or at all, newest first: `limit` movements at most, those older than the
 * movement `before`, else the newest.
 *
 * @returns null for an unknown SKU
 * @throws {CallError} FORBIDDEN for customers
 */
export async function listMovements(
  { pool }: ReadContext,
  caller: Caller,
  {
    sku,
    location = null,
    limit,
    before,
  }: { sku: string; location?: string | null; limit: number; before?: bigint },
): Promise<{ movements: InventoryMovement[]; hasOlder: boolean } | null> {
  assertAllowed(caller, 'readLedger')
  if (!isSku(sku)) return null
  // one more than asked for tells whether another page follows
  const page = { sku, location, cursor: before ?? null, direction: 'older', sizeMax: limit + 1 } as const
  const isPlace = location === null || isLocationCode(location)
  const [movements = []] = isPlace ? await findMovements(pool, [page]) : []
  // a ledger with something in it is an item's: only an empty page needs the second query
  if (movements.length === 0 && !(await findItem(pool, sku))) return null
  return { movements: movements.slice(0, limit), hasOlder: movements.length > limit }
}

/** Where pages of ledgers come together to share a statement. */
export type MovementPageReader = GroupCommit<MovementPage, InventoryMovement[]>

/** Pages of one statement: of the largest size, 10,000 movements or about 2 MB. */
const PAGE_BATCH_MAX = 100
/** Twice the pages of nested lists of the largest size. */
const PAGES_WAITING_MAX = 20_000

/** Creates the reader of the pages that one operation of a caller requests. */
export function createMovementPageReader(context: ReadContext, caller: Caller): MovementPageReader {
  return new GroupCommit((pages) => listMovementPages(context, caller, pages), {
    batchSizeMax: PAGE_BATCH_MAX,
    waitingMax: PAGES_WAITING_MAX,
  })
}

/**
 * Reads pages of ledgers together.
 *
 * @returns the movements of each page, newest first, in the order of the pages; none for an unknown SKU
 * @throws {CallError} FORBIDDEN for customers
 */
export async function listMovementPages(
  { pool }: ReadContext,
  caller: Caller,
  pages: readonly MovementPage[],
): Promise<InventoryMovement[][]> {
  assertAllowed(caller, 'readLedger')
  const known = pages.filter(
    ({ sku, location }) => isSku(sku) && (location === null || isLocationCode(location)),
  )
  const found = await findMovements(pool, known)
  const movementsOf = new Map(known.map((page, index) => [page, found[index]!]))
  return pages.map((page) => movementsOf.get(page) ?? [])
}
