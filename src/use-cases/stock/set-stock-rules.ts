import { inTransaction } from '../../database/transaction.ts'
import { assertAllowed } from '../../domain/authorisation.ts'
import type { Caller } from '../../domain/caller.ts'
import { CallError, type UserError } from '../../domain/errors.ts'
import { DEFAULT_LOCATION, isLocationCode } from '../../domain/stock/location.ts'
import { AVAILABLE_MAX, type InventoryItem, isSku, promisableAt } from '../../domain/stock/stock.ts'
import { serveQueuesOf } from '../../sql/orders/waiting-queue.ts'
import { findItem } from '../../sql/stock/items.ts'
import { findLocations } from '../../sql/stock/locations.ts'
import { lockStock } from '../../sql/stock/lock-stock.ts'
import { adoptStates, readActualStates, setLowStockAt, setSafetyStock } from '../../sql/stock/stock-states.ts'
import type { WriteContext } from '../context.ts'
import { refuse, refuseUnknownLocation, refuseUnknownSku } from '../user-errors.ts'

/** A rule that is left out stays as it is; null removes it. */
export type SetStockRulesRequest = {
  sku: string
  /** Where `safetyStock` is never promised; null for the default location. */
  location?: string | null
  safetyStock?: bigint | null
  /** Of the SKU as a whole. */
  lowStockAt?: bigint | null
}

export type SetStockRulesResult =
  | { inventoryItem: InventoryItem; userErrors: [] }
  | { inventoryItem: null; userErrors: [UserError] }

/**
 * Sets what is never promised of a SKU at a location, and at which quantity it is low. This crosses no thresholds; what orders take
 * afterwards does, also those that were waiting: a safety stock that is lowered serves them.
 *
 * @param caller an operator
 * @throws {CallError} BAD_USER_INPUT for a call that sets nothing, FORBIDDEN for other roles
 */
export async function setStockRules(
  context: WriteContext,
  caller: Caller,
  { sku, location, safetyStock, lowStockAt }: SetStockRulesRequest,
): Promise<SetStockRulesResult> {
  assertAllowed(caller, 'setStockRules')
  if (safetyStock === undefined && lowStockAt === undefined) {
    throw new CallError('BAD_USER_INPUT', 'safetyStock or lowStockAt must be given')
  }
  for (const [field, qty] of Object.entries({ safetyStock, lowStockAt })) {
    if (qty == null || (qty >= 0n && qty <= AVAILABLE_MAX)) continue
    const message = `${field} must be 0 to ${AVAILABLE_MAX}, not ${qty}`
    return { inventoryItem: null, ...refuse('INVALID_QTY', message, field) }
  }
  const at = { sku, location: location ?? DEFAULT_LOCATION }
  const unknownSku = { inventoryItem: null, ...refuseUnknownSku(sku, 'sku') }
  const unknownLocation = { inventoryItem: null, ...refuseUnknownLocation(at.location, 'location') }
  if (!isSku(sku)) return unknownSku
  if (!isLocationCode(at.location)) return unknownLocation
  return inTransaction(context, 'set-stock-rules', async (tx) => {
    const [item, [known]] = await Promise.all([findItem(tx, sku), findLocations(tx, [at.location])])
    if (!item) return unknownSku
    if (!known) return unknownLocation
    const stock = await lockStock(tx, [sku], safetyStock === undefined ? [] : [at])
    const level = stock.levels.find(({ location }) => location === at.location)
    const after = level && safetyStock !== undefined && { ...level, safetyStock: safetyStock ?? 0n }
    const isRaised = after && promisableAt(after) > promisableAt(level)
    const before = await readActualStates(tx, [sku])
    const [, , , , inventoryItem] = await Promise.all([
      after && setSafetyStock(tx, after),
      lowStockAt === undefined ? undefined : setLowStockAt(tx, sku, lowStockAt),
      // also at an inactive location: the job then finds nobody who fits
      serveQueuesOf(tx, isRaised ? [sku] : []),
      adoptStates(tx, before),
      findItem(tx, sku),
    ])
    return { inventoryItem: inventoryItem!, userErrors: [] }
  })
}
