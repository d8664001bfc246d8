import type { App } from '../../app.ts'
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
import { assertText } from '../assert-text.ts'

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
  app: App,
  caller: Caller,
  { sku, delta, reason, expectedAvailable }: AdjustInventoryRequest,
): Promise<AdjustInventoryResult> {
  assertAllowed(caller, 'adjustInventory')
  assertText('reason', reason, REASON_LENGTH_MAX)
  if (delta === 0) return refuse('INVALID_QTY', 'delta must not be 0', 'delta')
  const unknown = refuse(
    'UNKNOWN_SKU',
    `There is no item with the SKU ${JSON.stringify(sku.slice(0, 64))}`,
    'sku',
  )
  if (!isSku(sku)) return unknown
  return inTransaction(app, 'adjust-inventory', async (tx) => {
    const [item] = await lockStock(tx, [sku])
    if (!item) return unknown
    if (expectedAvailable !== null && expectedAvailable !== item.available) {
      return refuse(
        'STALE_EXPECTATION',
        `${item.available} are available, not ${expectedAvailable}`,
        'expectedAvailable',
      )
    }
    const availableAfter = item.available + BigInt(delta)
    if (availableAfter < 0n) {
      return refuse('INSUFFICIENT_STOCK', `Only ${item.available} are available`, 'delta')
    }
    if (availableAfter > AVAILABLE_MAX) {
      return refuse('INVALID_QTY', `No more than ${AVAILABLE_MAX} can be available`, 'delta')
    }
    const adjustment = { sku, type: 'ADJUSTMENT' as const, delta, availableAfter, orderId: null }
    const note = { reason, actor: caller.id, createdAt: app.now() }
    const movement = await moveStockOnce(tx, adjustment, note)
    return { inventoryItem: { ...item, available: availableAfter }, movement, userErrors: [] }
  })
}

function refuse(code: UserError['code'], message: string, field: string): AdjustInventoryResult {
  return { inventoryItem: null, movement: null, userErrors: [{ code, message, field: ['input', field] }] }
}
