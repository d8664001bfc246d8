import { assertAllowed } from '../../../domain/authorisation.ts'
import type { Caller } from '../../../domain/caller.ts'
import type { UserError } from '../../../domain/errors.ts'
import { refuseLines } from '../../../domain/orders/verbs/refusals.ts'
import { type InventoryMovement, REASON_LENGTH_MAX } from '../../../domain/stock/stock.ts'
import type { WriteContext } from '../../context.ts'
import { assertReference, assertText, atInput, refuse, renamed } from '../../user-errors.ts'
import { ALL_OR_NOTHING, BULK_MAX, type BulkRow } from '../change-many.ts'
import { changeStock } from './change-stock.ts'

/** What goes from one location to another. */
export type TransferInventoryRequest = {
  from: string
  to: string
  /** No SKU twice. */
  lines: readonly { sku: string; qty: number }[]
  reason?: string | null
  /** A document of the caller's. */
  reference?: string | null
  /** A repeat under the same key answers with the movements that the call made. */
  idempotencyKey?: string | null
}

export type TransferInventoryResult = {
  /** Of each line what left and what came, in their order. */
  movements: readonly InventoryMovement[]
  userErrors: readonly UserError[]
}

/**
 * Moves what is available of SKUs from one location to another, all or nothing: a TRANSFER_OUT and a TRANSFER_IN movement for
 * each line, in one transaction. What is promised to orders stays where they hold it. Orders take nothing from a location that is
 * not active, so a transfer there is a quarantine.
 *
 * @param caller an operator or a service, whose id the ledger keeps
 * @throws {CallError} BAD_USER_INPUT for a malformed reason, reference or key, FORBIDDEN for customers
 */
export async function transferInventory(
  context: WriteContext,
  caller: Caller,
  { from, to, lines, reason = null, reference = null, idempotencyKey = null }: TransferInventoryRequest,
): Promise<TransferInventoryResult> {
  assertAllowed(caller, 'transferInventory')
  if (reason !== null) assertText('reason', reason, REASON_LENGTH_MAX)
  assertReference(reference)
  const invalid = refuseLines(lines, ({ sku }) => sku, BULK_MAX)
  if (invalid) return { movements: [], userErrors: [invalid.refusal] }
  if (from === to) {
    return { movements: [], ...refuse('LOCATION_IN_USE', 'to must be another location than from', 'to') }
  }
  const call = {
    verb: 'transferInventory',
    name: 'transfer-inventory',
    rows: lines.flatMap(({ sku, qty }): BulkRow[] => [
      { sku, location: from, reference, type: 'TRANSFER_OUT', delta: -qty, expectedAvailable: null },
      { sku, location: to, reference, type: 'TRANSFER_IN', delta: qty, expectedAvailable: null },
    ]),
    options: { ...ALL_OR_NOTHING, reason },
    idempotencyKey,
    input: { from, to, lines, reason, reference },
  } as const
  const result = await changeStock(
    context,
    caller,
    call,
    async (_tx, { outcomes }): Promise<TransferInventoryResult> => ({
      movements: outcomes.flatMap(({ movement }) => movement ?? []),
      userErrors: outcomes.flatMap(({ userErrors }, row) => userErrors.map((error) => placed(error, row))),
    }),
  )
  const { movements = [] } = 'movements' in result ? result : {}
  return { movements, userErrors: withoutRepeats(result.userErrors) }
}

/** Says where in the input an error of a row is: rows of even number leave `from`, those behind them come `to`. */
function placed(error: UserError, row: number): UserError {
  if (error.field?.[0] === 'location') return atInput({ ...error, field: [row % 2 === 0 ? 'from' : 'to'] })
  return atInput(renamed(error, { delta: 'qty' }), 'lines', row >> 1)
}

/** Both rows of a line, and all lines, say the same of an unknown SKU or location. */
function withoutRepeats(errors: readonly UserError[]): UserError[] {
  return [...new Map(errors.map((error) => [`${error.code} ${error.field}`, error])).values()]
}
