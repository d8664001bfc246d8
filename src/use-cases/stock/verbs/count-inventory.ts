import { assertAllowed } from '../../../domain/authorisation.ts'
import type { Caller } from '../../../domain/caller.ts'
import type { UserError } from '../../../domain/errors.ts'
import { DEFAULT_LOCATION } from '../../../domain/stock/location.ts'
import type { OnShortfall } from '../../../domain/stock/plan-changes.ts'
import { isLastKnownMovement, REASON_LENGTH_MAX } from '../../../domain/stock/stock.ts'
import type { WriteContext } from '../../context.ts'
import { assertReference, assertText, refuse } from '../../user-errors.ts'
import type { ErrorPolicy } from '../change-many.ts'
import { type BulkResult, bulkResultOf, refuseCount, refusedBulk } from './bulk-result.ts'
import { changeStock } from './change-stock.ts'

export type CountInventoryRequest = {
  /** Where the goods were counted; null for the default location. */
  location?: string | null
  /** 1 to BULK_MAX, no SKU twice. */
  counts: readonly {
    sku: string
    /** On hand, what is promised to orders included. */
    counted: bigint
    /** Id of the newest movement of the level on the count sheet, `0` for none; null to compare with what is on hand now. */
    asOf?: string | null
  }[]
  reason: string
  reference?: string | null
  /** How to treat a count below what is promised to orders; null for REFUSE. */
  onShortfall?: OnShortfall | null
  /** Whether a refused count stops the others; null for ALL_OR_NOTHING. */
  errorPolicy?: ErrorPolicy | null
  /** Reports the outcome without changing anything. It does not consume the key. */
  dryRun?: boolean | null
  /** A repeat under the same key answers with what the call made. */
  idempotencyKey?: string | null
}

/**
 * Corrects what is on hand at a location to what was counted there, each difference with a COUNT movement, in one transaction.
 * The difference is taken from what was on hand as of the count sheet's movement, so it leaves alone what moved since.
 *
 * @param caller an operator or a service, whose id the ledger keeps
 * @throws {CallError} BAD_USER_INPUT for a malformed reason, reference or key, FORBIDDEN for customers
 */
export async function countInventory(
  context: WriteContext,
  caller: Caller,
  { counts, reason, reference = null, idempotencyKey = null, ...asked }: CountInventoryRequest,
): Promise<BulkResult> {
  assertAllowed(caller, 'countInventory')
  assertText('reason', reason, REASON_LENGTH_MAX)
  assertReference(reference)
  const refusal = refuseCount(counts.length, 'counts') ?? refuseCounts(counts)
  if (refusal) return refusedBulk(refusal.userErrors)
  const location = asked.location ?? DEFAULT_LOCATION
  const rows = counts.map(({ sku, counted, asOf = null }) => {
    return {
      type: 'COUNT' as const,
      sku,
      location,
      reference,
      counted,
      asOf: asOf === null ? null : BigInt(asOf),
    }
  })
  const options = {
    reason,
    onShortfall: asked.onShortfall ?? 'REFUSE',
    errorPolicy: asked.errorPolicy ?? 'ALL_OR_NOTHING',
    dryRun: asked.dryRun ?? false,
  }
  const { onShortfall, errorPolicy } = options
  const call = {
    verb: 'countInventory',
    name: 'count-inventory',
    rows,
    options,
    idempotencyKey,
    input: { rows, reason, onShortfall, errorPolicy },
  } as const
  const result = await changeStock(context, caller, call, async (_tx, changed) =>
    bulkResultOf(rows, changed, options, 'counts'),
  )
  return 'results' in result ? result : refusedBulk(result.userErrors)
}

/** Refuses a SKU that is counted twice, which is ambiguous, and an `asOf` that is no id of a movement. */
function refuseCounts(counts: CountInventoryRequest['counts']): { userErrors: [UserError] } | undefined {
  const seen = new Set<string>()
  for (const [index, { sku, asOf }] of counts.entries()) {
    if (seen.has(sku)) {
      return refuse('DUPLICATE_SKU', `The SKU ${sku} is in a count before`, 'counts', index, 'sku')
    }
    seen.add(sku)
    if (typeof asOf === 'string' && !isLastKnownMovement(asOf)) {
      const message = `asOf must be the id of a movement, not ${JSON.stringify(asOf.slice(0, 64))}`
      return refuse('STALE_EXPECTATION', message, 'counts', index, 'asOf')
    }
  }
  return undefined
}
