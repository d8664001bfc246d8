import { inTransaction, type Tx } from '../../database/transaction.ts'
import { assertAllowed } from '../../domain/authorisation.ts'
import type { Caller } from '../../domain/caller.ts'
import type { UserError } from '../../domain/errors.ts'
import { DEFAULT_LOCATION, isLocationCode, type Location } from '../../domain/stock/location.ts'
import { NAME_LENGTH_MAX } from '../../domain/stock/stock.ts'
import { serveQueuesOf } from '../../sql/orders/waiting-queue.ts'
import { lockLevelsAt, upsertLocation } from '../../sql/stock/locations.ts'
import { adoptStates, readActualStates } from '../../sql/stock/stock-states.ts'
import type { WriteContext } from '../context.ts'
import { assertText, refuse } from '../user-errors.ts'

/** A location; what is null stays as it is, or as it is by default. */
export type SaveLocationRequest = {
  code: string
  name?: string | null
  priority?: number | null
  isActive?: boolean | null
}

export type SaveLocationResult =
  | { location: Location; userErrors: [] }
  | { location: null; userErrors: [UserError] }

/** Room for many ranks between the default, 100, and the last. */
const PRIORITY_MAX = 1_000_000

/**
 * Creates a location, or changes one. Orders take nothing from one that is not active, and keep what they hold there. One that
 * becomes active serves orders that wait. This crosses no thresholds; what those orders take does.
 *
 * @param caller an operator
 * @throws {CallError} BAD_USER_INPUT for a name that no location can have, FORBIDDEN for other roles
 */
export async function saveLocation(
  context: WriteContext,
  caller: Caller,
  { code, name = null, priority = null, isActive = null }: SaveLocationRequest,
): Promise<SaveLocationResult> {
  assertAllowed(caller, 'saveLocation')
  if (!isLocationCode(code)) {
    const message = 'code must be 1 to 64 of letters, digits, ".", "_" and "-"'
    return { location: null, ...refuse('UNKNOWN_LOCATION', message, 'code') }
  }
  if (name !== null) assertText('name', name, NAME_LENGTH_MAX)
  if (priority !== null && !(Number.isInteger(priority) && priority >= 0 && priority <= PRIORITY_MAX)) {
    const message = `priority must be 0 to ${PRIORITY_MAX}, not ${priority}`
    return { location: null, ...refuse('INVALID_QTY', message, 'priority') }
  }
  if (code === DEFAULT_LOCATION && isActive === false) {
    const message = `${DEFAULT_LOCATION} is where stock is if no location is named: it stays active`
    return { location: null, ...refuse('LOCATION_IN_USE', message, 'isActive') }
  }
  return inTransaction(context, 'save-location', async (tx) => {
    // as active as it was: levels are locked before that changes
    const kept = await upsertLocation(tx, { code, name, priority, isActive: null })
    const isChanged = isActive !== null && isActive !== kept.isActive
    return { location: isChanged ? await setActive(tx, kept, isActive) : kept, userErrors: [] }
  })
}

/**
 * Opens or closes a location: one that opens serves orders that wait for what is there. An order found short meanwhile either saw
 * the location as active, or is already queued.
 */
async function setActive(tx: Tx, { code }: Location, isActive: boolean): Promise<Location> {
  const levels = await lockLevelsAt(tx, code)
  const before = await readActualStates(
    tx,
    levels.map(({ sku }) => sku),
  )
  const served = isActive ? levels.filter(({ isPromisable }) => isPromisable) : []
  const [location] = await Promise.all([
    upsertLocation(tx, { code, name: null, priority: null, isActive }),
    serveQueuesOf(
      tx,
      served.map(({ sku }) => sku),
    ),
    adoptStates(tx, before),
  ])
  return location
}
