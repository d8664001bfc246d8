import { assertAllowed } from '../../../domain/authorisation.ts'
import type { Caller } from '../../../domain/caller.ts'
import type { UserError } from '../../../domain/errors.ts'
import { DEFAULT_LOCATION, isLocationCode } from '../../../domain/stock/location.ts'
import {
  INITIAL_AVAILABLE_MAX,
  type InventoryItem,
  isSku,
  NAME_LENGTH_MAX,
  stockMove,
} from '../../../domain/stock/stock.ts'
import { findItem, insertItem } from '../../../sql/stock/items.ts'
import { findLocations } from '../../../sql/stock/locations.ts'
import { lockStock } from '../../../sql/stock/lock-stock.ts'
import { assertKey } from '../../assert-key.ts'
import type { WriteContext } from '../../context.ts'
import { fingerprintOf } from '../../fingerprint.ts'
import { type KeyedResult, runOncePerKey } from '../../run-once-per-key.ts'
import { assertText, refuse, refuseUnknownLocation } from '../../user-errors.ts'
import { writeMoves } from '../write-moves.ts'

/** `available`: its initial stock, at `location`; null for the default one. */
export type CreateInventoryItemRequest = {
  sku: string
  name: string
  available: number
  location?: string | null
  /** A repeat under the same key answers with the item as it now is. */
  idempotencyKey?: string | null
}

export type CreateInventoryItemResult =
  | { inventoryItem: InventoryItem; userErrors: [] }
  | { inventoryItem: null; userErrors: [UserError] }

/**
 * Creates an item. Its initial stock comes in by a RECEIPT movement.
 *
 * @param caller an operator, whose id the ledger keeps
 * @throws {CallError} BAD_USER_INPUT for a name that is empty, too long or not text, or a malformed key, FORBIDDEN for other roles
 */
export async function createInventoryItem(
  context: WriteContext,
  caller: Caller,
  { sku, name, available, location, idempotencyKey = null }: CreateInventoryItemRequest,
): Promise<CreateInventoryItemResult> {
  assertAllowed(caller, 'createInventoryItem')
  assertText('name', name, NAME_LENGTH_MAX)
  assertKey(idempotencyKey)
  if (!isSku(sku)) {
    const message = 'A SKU is 1 to 64 of letters, digits, ".", "_" and "-"'
    return { inventoryItem: null, ...refuse('INVALID_SKU', message, 'sku') }
  }
  if (!Number.isInteger(available) || available < 0 || available > INITIAL_AVAILABLE_MAX) {
    const message = `available must be 0 to ${INITIAL_AVAILABLE_MAX}`
    return { inventoryItem: null, ...refuse('INVALID_QTY', message, 'available') }
  }
  const at = { sku, location: location ?? DEFAULT_LOCATION }
  const unknown = { inventoryItem: null, ...refuseUnknownLocation(at.location, 'location') }
  if (!isLocationCode(at.location)) return unknown
  const fingerprint = () => fingerprintOf('createInventoryItem', { ...at, name, available })
  const key = idempotencyKey === null ? null : { key: idempotencyKey, fingerprint: fingerprint() }
  const result = await runOncePerKey(
    context,
    { caller, name: 'create-inventory-item', verb: 'createInventoryItem', key },
    async (tx): Promise<KeyedResult<CreateInventoryItemResult, object>> => {
      const [known] = await findLocations(tx, [at.location])
      if (!known) return { result: unknown, made: null }
      if (!(await insertItem(tx, sku, name))) {
        const message = `There is an item with the SKU ${sku} already`
        return { result: { inventoryItem: null, ...refuse('SKU_TAKEN', message, 'sku') }, made: null }
      }
      const stock = await lockStock(tx, [sku], [at])
      const receipts = available > 0 ? [stockMove('RECEIPT', { ...at, qty: available })] : []
      const note = { actor: caller.id, createdAt: context.now() }
      await writeMoves(tx, receipts, { stock, note })
      const inventoryItem = { sku, name, available: BigInt(available), reserved: 0n }
      return { result: { inventoryItem, userErrors: [] }, made: { sku } }
    },
    async (tx): Promise<CreateInventoryItemResult> => {
      return { inventoryItem: (await findItem(tx, sku))!, userErrors: [] }
    },
  )
  return 'inventoryItem' in result ? result : { inventoryItem: null, ...result }
}
