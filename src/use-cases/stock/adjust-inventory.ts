import { inTransaction } from '../../database/transaction.ts'
import { assertAllowed } from '../../domain/authorisation.ts'
import type { Caller } from '../../domain/caller.ts'
import type { UserError } from '../../domain/errors.ts'
import { DEFAULT_LOCATION, isLocationCode } from '../../domain/stock/location.ts'
import {
  AVAILABLE_MAX,
  hasRoomFor,
  type InventoryItem,
  type InventoryMovement,
  isSku,
  REASON_LENGTH_MAX,
  type StockLevel,
  stockMove,
} from '../../domain/stock/stock.ts'
import { findItem, findLevels } from '../../sql/stock/items.ts'
import { findLocations } from '../../sql/stock/locations.ts'
import { lockStock } from '../../sql/stock/lock-stock.ts'
import type { WriteContext } from '../context.ts'
import {
  assertReference,
  assertText,
  refuse,
  refuseUnknownLocation,
  refuseUnknownSku,
} from '../user-errors.ts'
import { writeMovesReturning } from './write-moves.ts'

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
  { sku, delta, reason, location, reference = null, expectedAvailable }: AdjustInventoryRequest,
): Promise<AdjustInventoryResult> {
  assertAllowed(caller, 'adjustInventory')
  assertText('reason', reason, REASON_LENGTH_MAX)
  assertReference(reference)
  if (delta === 0) return { ...NOTHING, ...refuse('INVALID_QTY', 'delta must not be 0', 'delta') }
  const at = { sku, location: location ?? DEFAULT_LOCATION }
  if (!isSku(sku)) return { ...NOTHING, ...refuseUnknownSku(sku, 'sku') }
  if (!isLocationCode(at.location)) return { ...NOTHING, ...refuseUnknownLocation(at.location, 'location') }
  return inTransaction(context, 'adjust-inventory', async (tx) => {
    const [item, [known], levels] = await Promise.all([
      findItem(tx, sku),
      findLocations(tx, [at.location]),
      findLevels(tx, [sku]),
    ])
    if (!item) return { ...NOTHING, ...refuseUnknownSku(sku, 'sku') }
    if (!known) return { ...NOTHING, ...refuseUnknownLocation(at.location, 'location') }
    const isThere = ({ location }: StockLevel) => location === at.location
    const isNew = !levels.some(isThere)
    // no level is made for what is refused; somebody else may make it, and move it, meanwhile
    const early = isNew && refuseAdjustment({ ...NOTHING_THERE, ...at }, delta, expectedAvailable)
    if (early) return { ...NOTHING, ...early }
    const stock = await lockStock(tx, [sku], isNew ? [at] : [])
    const refusal = refuseAdjustment(stock.levels.find(isThere)!, delta, expectedAvailable)
    if (refusal) return { ...NOTHING, ...refusal }
    const moves = [stockMove('ADJUSTMENT', { ...at, qty: delta })]
    const note = { reason, reference, actor: caller.id, createdAt: context.now() }
    const [movement] = await writeMovesReturning(tx, moves, { stock, note })
    return { inventoryItem: (await findItem(tx, sku))!, movement: movement!, userErrors: [] }
  })
}

/** What there is where nothing of a SKU has ever been. */
const NOTHING_THERE = { available: 0n, reserved: 0n, safetyStock: 0n }

function refuseAdjustment(
  level: StockLevel,
  delta: number,
  expected: bigint | null,
): { userErrors: [UserError] } | undefined {
  const { available } = level
  if (expected !== null && expected !== available) {
    const message = `${available} are available, not ${expected}`
    return refuse('STALE_EXPECTATION', message, 'expectedAvailable')
  }
  if (available + BigInt(delta) < 0n) {
    const { userErrors } = refuse('INSUFFICIENT_STOCK', `Only ${available} are available`, 'delta')
    return { userErrors: [{ ...userErrors[0], limit: available }] }
  }
  if (delta > 0 && !hasRoomFor(level, delta)) {
    return refuse('INVALID_QTY', `No more than ${AVAILABLE_MAX} can be on hand`, 'delta')
  }
  return undefined
}
