import { inTransaction } from '../../database/transaction.ts'
import { assertAllowed } from '../../domain/authorisation.ts'
import type { Caller } from '../../domain/caller.ts'
import type { UserError } from '../../domain/errors.ts'
import {
  AVAILABLE_MAX,
  type InventoryItem,
  type InventoryMovement,
  isSku,
  REASON_LENGTH_MAX,
} from '../../domain/stock/stock.ts'
import { lockStock, moveStockOnce } from '../../sql/stock/move-stock.ts'
import type { WriteContext } from '../context.ts'
import { assertText, refuse, refuseUnknownSku } from '../user-errors.ts'

const NOTHING = { inventoryItem: null, movement: null }

export type AdjustInventoryRequest = {
  sku: string
  /** What to add to what is available; below zero to take from it. */
  delta: number
  reason: string
  /** What the caller believes to be available: when that is not so, nothing changes. Null to adjust all the same. */
  expectedAvailable: bigint | null
}

export type AdjustInventoryResult =
  | { inventoryItem: InventoryItem; movement: InventoryMovement; userErrors: [] }
  | { inventoryItem: null; movement: null; userErrors: [UserError] }

/**
 * Changes what is available of a SKU by a delta, with an ADJUSTMENT movement. There is no way to set an absolute
 * quantity: one that was read earlier would undo what happened since.
 *
 * @param caller an operator, whose id the ledger keeps
 * @throws {CallError} BAD_USER_INPUT for a reason that is empty, too long or not text, FORBIDDEN for other roles
 */
export async function adjustInventory(
  context: WriteContext,
  caller: Caller,
  { sku, delta, reason, expectedAvailable }: AdjustInventoryRequest,
): Promise<AdjustInventoryResult> {
  assertAllowed(caller, 'adjustInventory')
  assertText('reason', reason, REASON_LENGTH_MAX)
  if (delta === 0) return { ...NOTHING, ...refuse('INVALID_QTY', 'delta must not be 0', 'delta') }
  const unknown = { ...NOTHING, ...refuseUnknownSku(sku) }
  if (!isSku(sku)) return unknown
  return inTransaction(context, 'adjust-inventory', async (tx) => {
    const [item] = await lockStock(tx, [sku])
    if (!item) return unknown
    if (expectedAvailable !== null && expectedAvailable !== item.available) {
      const message = `${item.available} are available, not ${expectedAvailable}`
      return { ...NOTHING, ...refuse('STALE_EXPECTATION', message, 'expectedAvailable') }
    }
    const availableAfter = item.available + BigInt(delta)
    if (availableAfter < 0n) {
      const message = `Only ${item.available} are available`
      return { ...NOTHING, ...refuse('INSUFFICIENT_STOCK', message, 'delta') }
    }
    if (availableAfter > AVAILABLE_MAX) {
      const message = `No more than ${AVAILABLE_MAX} can be available`
      return { ...NOTHING, ...refuse('INVALID_QTY', message, 'delta') }
    }
    const adjustment = { sku, type: 'ADJUSTMENT' as const, delta, availableAfter, orderId: null }
    const note = { reason, actor: caller.id, createdAt: context.now() }
    const movement = await moveStockOnce(tx, adjustment, note)
    return { inventoryItem: { ...item, available: availableAfter }, movement, userErrors: [] }
  })
}
