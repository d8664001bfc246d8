import { assertAllowed } from '../../../domain/authorisation.ts'
import type { Caller } from '../../../domain/caller.ts'
import type { UserError } from '../../../domain/errors.ts'
import { DEFAULT_LOCATION } from '../../../domain/stock/location.ts'
import type { OnShortfall } from '../../../domain/stock/plan-changes.ts'
import { type InventoryItem, type InventoryMovement, REASON_LENGTH_MAX } from '../../../domain/stock/stock.ts'
import { findItem } from '../../../sql/stock/items.ts'
import type { WriteContext } from '../../context.ts'
import { assertReference, assertText, atInput } from '../../user-errors.ts'
import { ALL_OR_NOTHING } from '../change-many.ts'
import { changeStock } from './change-stock.ts'

const NOTHING = { inventoryItem: null, movement: null }

export type AdjustInventoryRequest = {
  sku: string
  /** What to add to what is available; below zero to take from it. */
  delta: number
  reason: string
  /** Where; null for the default location. */
  location?: string | null
  /** The caller's document, such as a delivery note. */
  reference?: string | null
  /** What the caller believes to be available there: with another quantity the call is refused. Null for any quantity. */
  expectedAvailable: bigint | null
  /** How to treat a change that leaves less than is promised to orders; null for REFUSE. */
  onShortfall?: OnShortfall | null
  /** A repeat under the same key answers with the item as it now is, and the movement that the call made. */
  idempotencyKey?: string | null
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
 * @throws {CallError} BAD_USER_INPUT for a reason or reference that is empty, too long or not text, or a malformed key, FORBIDDEN for other roles
 */
export async function adjustInventory(
  context: WriteContext,
  caller: Caller,
  { onShortfall, idempotencyKey = null, ...asked }: AdjustInventoryRequest,
): Promise<AdjustInventoryResult> {
  assertAllowed(caller, 'adjustInventory')
  const { sku, delta, reason, location = null, reference = null, expectedAvailable } = asked
  assertText('reason', reason, REASON_LENGTH_MAX)
  assertReference(reference)
  const row = { type: 'ADJUSTMENT', sku, location, reference, delta, expectedAvailable } as const
  const options = { ...ALL_OR_NOTHING, reason, onShortfall: onShortfall ?? 'REFUSE' }
  const call = {
    verb: 'adjustInventory',
    name: 'adjust-inventory',
    rows: [row],
    options,
    idempotencyKey,
    input: { ...row, location: location ?? DEFAULT_LOCATION, ...options },
  } as const
  const result = await changeStock(
    context,
    caller,
    call,
    async (tx, { outcomes: [outcome] }): Promise<AdjustInventoryResult> => {
      const { movement, userErrors } = outcome!
      if (!movement) return { ...NOTHING, userErrors: [atInput(userErrors[0]!)] }
      return { inventoryItem: (await findItem(tx, sku))!, movement, userErrors: [] }
    },
  )
  return 'movement' in result ? result : { ...NOTHING, ...result }
}
