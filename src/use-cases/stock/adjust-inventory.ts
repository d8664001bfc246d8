import { inTransaction } from '../../database/transaction.ts'
import { assertAllowed } from '../../domain/authorisation.ts'
import type { Caller } from '../../domain/caller.ts'
import type { UserError } from '../../domain/errors.ts'
import type { OnShortfall } from '../../domain/stock/plan-changes.ts'
import { type InventoryItem, type InventoryMovement, REASON_LENGTH_MAX } from '../../domain/stock/stock.ts'
import { findItem } from '../../sql/stock/items.ts'
import type { WriteContext } from '../context.ts'
import { assertReference, assertText, atInput } from '../user-errors.ts'
import { ALL_OR_NOTHING, changeMany } from './change-many.ts'

const NOTHING = { inventoryItem: null, movement: null }

export type AdjustInventoryRequest = {
  sku: string
  /** What to add to what is available; below zero to take from it. */
  delta: number
  reason: string
  /** Where; null for the default location. */
  location?: string | null
  /** A document of the caller's. */
  reference?: string | null
  /** What the caller believes to be available there: when that is not so, nothing changes. Null to adjust all the same. */
  expectedAvailable: bigint | null
  /** What becomes of what is promised, if less is left than that; null to refuse the change. */
  onShortfall?: OnShortfall | null
}

export type AdjustInventoryResult =
  | { inventoryItem: InventoryItem; movement: InventoryMovement; userErrors: [] }
  | { inventoryItem: null; movement: null; userErrors: [UserError] }

/**
 * Changes what is available of a SKU at a location by a delta, with an ADJUSTMENT movement. There is no way to set an absolute
 * quantity: one that was read earlier would undo what happened since.
 *
 * @param caller an operator, whose id the ledger keeps
 * @returns the item, over all locations, and the movement
 * @throws {CallError} BAD_USER_INPUT for a reason or reference that is empty, too long or not text, FORBIDDEN for other roles
 */
export async function adjustInventory(
  context: WriteContext,
  caller: Caller,
  {
    sku,
    delta,
    reason,
    location = null,
    reference = null,
    expectedAvailable,
    onShortfall,
  }: AdjustInventoryRequest,
): Promise<AdjustInventoryResult> {
  assertAllowed(caller, 'adjustInventory')
  assertText('reason', reason, REASON_LENGTH_MAX)
  assertReference(reference)
  const row = { sku, location, reference, delta, expectedAvailable }
  return inTransaction(context, 'adjust-inventory', async (tx) => {
    const { outcomes } = await changeMany(context, tx, caller, [row], {
      ...ALL_OR_NOTHING,
      reason,
      onShortfall: onShortfall ?? 'REFUSE',
    })
    const { movement, userErrors } = outcomes[0]!
    if (!movement) return { ...NOTHING, userErrors: [atInput(userErrors[0]!)] }
    return { inventoryItem: (await findItem(tx, sku))!, movement, userErrors: [] }
  })
}
