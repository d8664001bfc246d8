import { assertAllowed } from '../../../domain/authorisation.ts'
import type { Caller } from '../../../domain/caller.ts'
import { DEFAULT_LOCATION } from '../../../domain/stock/location.ts'
import { REASON_LENGTH_MAX } from '../../../domain/stock/stock.ts'
import type { WriteContext } from '../../context.ts'
import { assertReference, assertText } from '../../user-errors.ts'
import { ALL_OR_NOTHING, type ErrorPolicy } from '../change-many.ts'
import { type BulkResult, bulkResultOf, refuseCount, refusedBulk } from './bulk-result.ts'
import { changeStock } from './change-stock.ts'

export type AdjustInventoriesRequest = {
  /** 1 to BULK_MAX, applied one after the other. */
  changes: readonly {
    sku: string
    location?: string | null
    delta: number
    /** What the caller believes to be available once the changes before are applied; null for any quantity. */
    expectedAvailable?: bigint | null
    reference?: string | null
  }[]
  reason: string
  /** Whether a refused change stops the others; null for ALL_OR_NOTHING. */
  errorPolicy?: ErrorPolicy | null
  /** Reports the outcome without changing anything. It does not consume the key. */
  dryRun?: boolean | null
  /** A repeat under the same key answers with what the call made. */
  idempotencyKey?: string | null
}

/**
 * Changes what is available of many SKUs by deltas, each with an ADJUSTMENT movement, in one transaction.
 *
 * @param caller an operator, whose id the ledger keeps
 * @throws {CallError} BAD_USER_INPUT for a malformed reason, reference or key, FORBIDDEN for other roles
 */
export async function adjustInventories(
  context: WriteContext,
  caller: Caller,
  { changes, reason, errorPolicy, dryRun, idempotencyKey = null }: AdjustInventoriesRequest,
): Promise<BulkResult> {
  assertAllowed(caller, 'adjustInventories')
  assertText('reason', reason, REASON_LENGTH_MAX)
  const refusal = refuseCount(changes.length, 'changes')
  if (refusal) return refusedBulk(refusal.userErrors)
  const rows = changes.map(({ sku, location, delta, expectedAvailable = null, reference = null }) => {
    assertReference(reference)
    return {
      type: 'ADJUSTMENT' as const,
      sku,
      location: location ?? DEFAULT_LOCATION,
      delta,
      expectedAvailable,
      reference,
    }
  })
  const options = {
    ...ALL_OR_NOTHING,
    reason,
    errorPolicy: errorPolicy ?? 'ALL_OR_NOTHING',
    dryRun: dryRun ?? false,
  }
  const input = { rows, reason, errorPolicy: options.errorPolicy }
  const call = {
    verb: 'adjustInventories',
    name: 'adjust-inventories',
    rows,
    options,
    idempotencyKey,
    input,
  } as const
  const result = await changeStock(context, caller, call, async (_tx, changed) =>
    bulkResultOf(rows, changed, options, 'changes'),
  )
  return 'results' in result ? result : refusedBulk(result.userErrors)
}
