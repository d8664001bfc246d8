import type { Tx } from '../../database/transaction.ts'
import {
  followMoves,
  type InventoryMovement,
  raisedBy,
  type StockChangeNote,
  type StockMove,
} from '../../domain/stock/stock.ts'
import { serveQueuesOf } from '../../sql/orders/waiting-queue.ts'
import type { LockedStock } from '../../sql/stock/lock-stock.ts'
import { moveStock, moveStockReturning } from '../../sql/stock/move-stock.ts'

/** What moves of stock are written with. */
export type MoveOptions = {
  /** Locked: every level of the SKUs that are moved. */
  stock: LockedStock
  note: StockChangeNote
  /** SKUs whose waiting orders may fit now, though nothing of them came in. */
  alsoServed?: readonly string[]
}

/**
 * Writes moves of stock, in the caller's transaction: levels, ledger, and a job that serves who waits for a SKU of which there is
 * more now. Everything that changes stock goes through here. Each table is written once: call it once in a transaction.
 */
export async function writeMoves(
  tx: Tx,
  moves: readonly StockMove[],
  { stock, note, alsoServed = [] }: MoveOptions,
): Promise<void> {
  const changes = followMoves(stock.levels, moves)
  await Promise.all([moveStock(tx, changes, note), serveQueuesOf(tx, [...raisedBy(moves), ...alsoServed])])
}

/** The same. @returns the movements as the ledger keeps them, in the order of the moves */
export async function writeMovesReturning(
  tx: Tx,
  moves: readonly StockMove[],
  { stock, note, alsoServed = [] }: MoveOptions,
): Promise<InventoryMovement[]> {
  const changes = followMoves(stock.levels, moves)
  const [movements] = await Promise.all([
    moveStockReturning(tx, changes, note),
    serveQueuesOf(tx, [...raisedBy(moves), ...alsoServed]),
  ])
  return movements
}
