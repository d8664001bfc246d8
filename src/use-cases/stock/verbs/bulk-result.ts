import type { UserError } from '../../../domain/errors.ts'
import type { Order } from '../../../domain/orders/order.ts'
import type { InventoryMovement } from '../../../domain/stock/stock.ts'
import { atInput, refuse } from '../../user-errors.ts'
import { BULK_MAX, type BulkOptions, type BulkRow } from '../change-many.ts'
import type { Changed } from './change-stock.ts'

/** Result of one change of many. */
export type BulkRowResult = {
  /** Its place in the input, from 0. */
  index: number
  sku: string
  before: bigint | null
  after: bigint | null
  movement: InventoryMovement | null
  userErrors: readonly UserError[]
}

export type BulkResult = {
  results: readonly BulkRowResult[]
  /** Rows that changed something, or would in a dry run. */
  changed: number
  refused: number
  /** Orders that a shortfall sent back to waiting. */
  unreserved: readonly Order[]
  /** Why the call was refused as a whole; empty otherwise. */
  userErrors: readonly UserError[]
}

/** Returns the result of a call that is refused as a whole. */
export function refusedBulk(userErrors: readonly UserError[]): BulkResult {
  return { results: [], changed: 0, refused: 0, unreserved: [], userErrors }
}

/** Refuses a call without changes, or with too many. */
export function refuseCount(count: number, field: string): { userErrors: [UserError] } | undefined {
  if (count >= 1 && count <= BULK_MAX) return undefined
  return refuse('INVALID_LINES', `There must be 1 to ${BULK_MAX} ${field}, not ${count}`, field)
}

/**
 * Returns the result of many changes.
 *
 * @param field the input's list of them
 */
export function bulkResultOf(
  rows: readonly BulkRow[],
  { outcomes, unreserved }: Changed,
  { errorPolicy }: BulkOptions,
  field: string,
): BulkResult {
  const results = outcomes.map(
    ({ userErrors, ...outcome }, index): BulkRowResult => ({
      index,
      sku: rows[index]!.sku,
      ...outcome,
      userErrors: userErrors.map((error) => atInput(error, field, index)),
    }),
  )
  const errors = results.flatMap(({ userErrors }) => userErrors)
  return {
    results,
    changed: results.filter(({ before, after }) => after !== null && after !== before).length,
    refused: results.filter(({ userErrors }) => userErrors.length > 0).length,
    unreserved,
    userErrors: errorPolicy === 'ALL_OR_NOTHING' ? errors : [],
  }
}
