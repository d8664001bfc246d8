import { assertAllowed } from '../../../domain/authorisation.ts'
import type { Caller } from '../../../domain/caller.ts'
import type { UserError } from '../../../domain/errors.ts'
import { DEFAULT_LOCATION } from '../../../domain/stock/location.ts'
import {
  DELTA_MAX,
  type InventoryMovement,
  REASON_LENGTH_MAX,
  type StockLevel,
} from '../../../domain/stock/stock.ts'
import { findLevels } from '../../../sql/stock/items.ts'
import type { WriteContext } from '../../context.ts'
import { assertReference, assertText, atInput, refuse, renamed } from '../../user-errors.ts'
import { ALL_OR_NOTHING } from '../change-many.ts'
import { changeStock } from './change-stock.ts'

const NOTHING_RECEIVED = { level: null, movement: null }

export type ReceiveInventoryRequest = {
  sku: string
  qty: number
  /** Where the goods arrive; null for the default location. */
  location?: string | null
  reason?: string | null
  /** The caller's document, such as a delivery note. */
  reference?: string | null
  /** A repeat under the same key answers with the level as it now is, and the movement that the call made. */
  idempotencyKey?: string | null
}

export type ReceiveInventoryResult =
  | { level: StockLevel; movement: InventoryMovement; userErrors: [] }
  | { level: null; movement: null; userErrors: [UserError] }

/**
 * Takes goods in at a location, with a RECEIPT movement. Orders that wait for them are served in turn.
 *
 * @param caller an operator or a service, whose id the ledger keeps
 * @returns the level after the receipt, and the movement
 * @throws {CallError} BAD_USER_INPUT for a malformed reason, reference or key, FORBIDDEN for customers
 */
export async function receiveInventory(
  context: WriteContext,
  caller: Caller,
  { sku, qty, reason = null, reference = null, idempotencyKey = null, ...asked }: ReceiveInventoryRequest,
): Promise<ReceiveInventoryResult> {
  assertAllowed(caller, 'receiveInventory')
  if (reason !== null) assertText('reason', reason, REASON_LENGTH_MAX)
  assertReference(reference)
  if (!Number.isInteger(qty) || qty < 1 || qty > DELTA_MAX) {
    return { ...NOTHING_RECEIVED, ...refuse('INVALID_QTY', `qty must be 1 to ${DELTA_MAX}`, 'qty') }
  }
  const location = asked.location ?? DEFAULT_LOCATION
  const call = {
    verb: 'receiveInventory',
    name: 'receive-inventory',
    rows: [{ sku, location, reference, type: 'RECEIPT', delta: qty, expectedAvailable: null }],
    options: { ...ALL_OR_NOTHING, reason },
    idempotencyKey,
    input: { sku, location, qty, reason, reference },
  } as const
  const result = await changeStock(
    context,
    caller,
    call,
    async (tx, { outcomes: [outcome] }): Promise<ReceiveInventoryResult> => {
      const { movement, userErrors } = outcome!
      if (!movement)
        return { ...NOTHING_RECEIVED, userErrors: [atInput(renamed(userErrors[0]!, { delta: 'qty' }))] }
      const levels = await findLevels(tx, [sku])
      return { level: levels.find((level) => level.location === location)!, movement, userErrors: [] }
    },
  )
  return 'level' in result ? result : { ...NOTHING_RECEIVED, ...result }
}
