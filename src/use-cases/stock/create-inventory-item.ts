import { inTransaction } from '../../database/transaction.ts'
import { assertAllowed } from '../../domain/authorisation.ts'
import type { Caller } from '../../domain/caller.ts'
import type { UserError } from '../../domain/errors.ts'
import {
  INITIAL_AVAILABLE_MAX,
  type InventoryItem,
  isSku,
  NAME_LENGTH_MAX,
} from '../../domain/stock/stock.ts'
import { insertInventoryItem, lockStock, moveStock } from '../../sql/stock/move-stock.ts'
import type { WriteContext } from '../context.ts'
import { assertText, refuse } from '../user-errors.ts'

export type CreateInventoryItemRequest = { sku: string; name: string; available: number }

export type CreateInventoryItemResult =
  | { inventoryItem: InventoryItem; userErrors: [] }
  | { inventoryItem: null; userErrors: [UserError] }

/**
 * Creates an item. What is in stock from the first comes in by a RECEIPT movement, as any stock does.
 *
 * @param caller an operator, whose id the ledger keeps
 * @throws {CallError} BAD_USER_INPUT for a name that is empty, too long or not text, FORBIDDEN for other roles
 */
export async function createInventoryItem(
  context: WriteContext,
  caller: Caller,
  { sku, name, available }: CreateInventoryItemRequest,
): Promise<CreateInventoryItemResult> {
  assertAllowed(caller, 'createInventoryItem')
  assertText('name', name, NAME_LENGTH_MAX)
  if (!isSku(sku)) {
    const message = 'A SKU is 1 to 64 of letters, digits, ".", "_" and "-"'
    return { inventoryItem: null, ...refuse('INVALID_SKU', message, 'sku') }
  }
  if (!Number.isInteger(available) || available < 0 || available > INITIAL_AVAILABLE_MAX) {
    const message = `available must be 0 to ${INITIAL_AVAILABLE_MAX}`
    return { inventoryItem: null, ...refuse('INVALID_QTY', message, 'available') }
  }
  return inTransaction(context, 'create-inventory-item', async (tx) => {
    if (!(await insertInventoryItem(tx, sku, name))) {
      const message = `There is an item with the SKU ${sku} already`
      return { inventoryItem: null, ...refuse('SKU_TAKEN', message, 'sku') }
    }
    if (available > 0) {
      const availableAfter = BigInt(available)
      const receipt = { sku, type: 'RECEIPT' as const, delta: available, availableAfter, orderId: null }
      await moveStock(tx, [receipt], { actor: caller.id, createdAt: context.now() })
    }
    const [inventoryItem] = await lockStock(tx, [sku])
    return { inventoryItem: inventoryItem!, userErrors: [] }
  })
}
