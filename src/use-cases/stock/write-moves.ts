import type { Tx } from '../../database/transaction.ts'
import {
  followMoves,
  type InventoryMovement,
  levelsAfter,
  raisedBy,
  type StockChange,
  type StockChangeNote,
  type StockMove,
} from '../../domain/stock/stock.ts'
import { judgeStock, type StockCrossing } from '../../domain/stock/thresholds.ts'
import { notifyOfStock } from '../../sql/orders/notify-watchers.ts'
import { serveQueuesOf } from '../../sql/orders/waiting-queue.ts'
import { moveStock, moveStockReturning } from '../../sql/stock/ledger/move-stock.ts'
import type { LockedStock } from '../../sql/stock/lock-stock.ts'
import { writeStates } from '../../sql/stock/stock-states.ts'

/** Context of moves of stock. */
export type MoveOptions = {
  /** Locked: every level of the SKUs that are moved. */
  stock: LockedStock
  note: StockChangeNote
  /** SKUs whose waiting orders may fit now although no stock of them came in. */
  alsoServed?: readonly string[]
}

/**
 * Writes moves of stock in the caller's transaction: levels, ledger, crossed thresholds, and a job that serves the waiting orders
 * of SKUs with more stock than before. Every change of stock goes through here. Each table is written once: call it once in a
 * transaction.
 */
export async function writeMoves(
  tx: Tx,
  moves: readonly StockMove[],
  { stock, note, alsoServed = [] }: MoveOptions,
): Promise<void> {
  const changes = followMoves(stock.levels, moves)
  await Promise.all([moveStock(tx, changes, note), writeConsequences(tx, changes, stock, alsoServed)])
}

/** Writes moves as `writeMoves` does. @returns the movements as the ledger keeps them, in the order of the moves */
export async function writeMovesReturning(
  tx: Tx,
  moves: readonly StockMove[],
  { stock, note, alsoServed = [] }: MoveOptions,
): Promise<InventoryMovement[]> {
  const changes = followMoves(stock.levels, moves)
  const [movements] = await Promise.all([
    moveStockReturning(tx, changes, note),
    writeConsequences(tx, changes, stock, alsoServed),
  ])
  return movements
}

/** Sent behind the movements, and in this order: a SKU that is being served from now on is not judged yet. */
async function writeConsequences(
  tx: Tx,
  changes: readonly StockChange[],
  stock: LockedStock,
  alsoServed: readonly string[],
): Promise<void> {
  const moved = new Set(changes.map(({ sku }) => sku))
  await Promise.all([
    serveQueuesOf(tx, [...raisedBy(changes), ...alsoServed]),
    judge(tx, stock, changes, moved),
    // orders notify of their own movements
    changes.some(({ orderVersion }) => orderVersion === null) ? notifyOfStock(tx) : undefined,
  ])
}

/**
 * Judges SKUs that are being served no more, and crosses what each crossed since it was judged last. The caller has written the
 * moves.
 */
export async function judgeServed(
  tx: Tx,
  skus: readonly string[],
  moves: readonly StockMove[],
  stock: LockedStock,
): Promise<void> {
  const crossings = await judge(tx, stock, followMoves(stock.levels, moves), skus)
  // a pass that gave nobody anything tells of no order
  if (crossings.length > 0) await notifyOfStock(tx)
}

async function judge(
  tx: Tx,
  { levels, locations, states }: LockedStock,
  changes: readonly StockChange[],
  skus: Iterable<string>,
): Promise<StockCrossing[]> {
  const judgements = judgeStock({ levels: levelsAfter(levels, changes), locations, states }, skus)
  const crossings = await writeStates(tx, judgements)
  tx.recordCrossings(crossings)
  return crossings
}
