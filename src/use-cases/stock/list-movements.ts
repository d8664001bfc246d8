import { assertAllowed } from '../../domain/authorisation.ts'
import type { Caller } from '../../domain/caller.ts'
import { type InventoryMovement, isSku } from '../../domain/stock/stock.ts'
import type { PrismaClient } from '../../generated/prisma/client.ts'
import { findMovements } from '../../sql/stock/find-movements.ts'
import type { ReadContext } from '../context.ts'

/** What `listMovements` is handed. */
export type ListMovementsContext = ReadContext & { prisma: Pick<PrismaClient, 'inventoryItem'> }

/** Which page of a SKU's ledger: `limit` movements at most, those older than the movement `before`, else the newest. */
export type ListMovementsRequest = { sku: string; limit: number; before?: bigint }

/** Movements, newest first, and whether there are older ones. */
export type LedgerPage = { movements: InventoryMovement[]; hasOlder: boolean }

/**
 * Reads a SKU's ledger, newest first.
 *
 * @returns null for an unknown SKU
 * @throws {CallError} FORBIDDEN for customers
 */
export async function listMovements(
  context: ListMovementsContext,
  caller: Caller,
  { sku, limit, before }: ListMovementsRequest,
): Promise<LedgerPage | null> {
  assertAllowed(caller, 'readLedger')
  if (!isSku(sku)) return null
  // one more than asked for tells whether another page follows
  const page = { sku, cursor: before ?? null, direction: 'older', sizeMax: limit + 1 } as const
  const [movements = []] = await findMovements(context.pool, [page])
  // a ledger with something in it is an item's: only an empty page needs the second query
  if (movements.length === 0 && !(await isItem(context, sku))) return null
  return { movements: movements.slice(0, limit), hasOlder: movements.length > limit }
}

async function isItem({ prisma }: ListMovementsContext, sku: string): Promise<boolean> {
  return (await prisma.inventoryItem.findUnique({ where: { sku }, select: { sku: true } })) !== null
}
