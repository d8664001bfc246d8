import type { App } from '../app.ts'
import { type InventoryMovement, isSku } from '../domain/stock.ts'

/** Which page of a SKU's ledger: `limit` movements at most, those older than the movement `before`, else the newest. */
export type ListMovementsRequest = { sku: string; limit: number; before?: bigint }

/** Movements, newest first, and whether there are older ones. */
export type MovementPage = { movements: InventoryMovement[]; hasOlder: boolean }

/**
 * Reads a SKU's ledger, newest first.
 *
 * @returns null for an unknown SKU
 */
export async function listMovements(
  app: App,
  { sku, limit, before }: ListMovementsRequest,
): Promise<MovementPage | null> {
  // what cannot be a SKU never reaches the database: a zero byte there is an error, not an unknown SKU
  if (!isSku(sku)) return null
  const movements = await app.prisma.inventoryMovement.findMany({
    where: { sku, id: { lt: before } },
    orderBy: { id: 'desc' },
    // one more than asked for tells whether another page follows
    take: limit + 1,
  })
  // a ledger with something in it is an item's: only an empty page needs the second query
  if (movements.length === 0 && !(await isItem(app, sku))) return null
  return { movements: movements.slice(0, limit), hasOlder: movements.length > limit }
}

async function isItem(app: App, sku: string): Promise<boolean> {
  return (await app.prisma.inventoryItem.findUnique({ where: { sku }, select: { sku: true } })) !== null
}
