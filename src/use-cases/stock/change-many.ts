import type { Tx } from '../../database/transaction.ts'
import type { Caller } from '../../domain/caller.ts'
import type { UserError } from '../../domain/errors.ts'
import type { Order } from '../../domain/orders/order.ts'
import { DEFAULT_LOCATION, isLocationCode } from '../../domain/stock/location.ts'
import {
  type AskedChange,
  type AskedCount,
  type AskedDelta,
  type LevelChange,
  type OnShortfall,
  type PlannedChange,
  planChanges,
  type StockFacts,
} from '../../domain/stock/plan-changes.ts'
import { type InventoryMovement, isSku, type StockLevel } from '../../domain/stock/stock.ts'
import { findKnownSkus, findLevels } from '../../sql/stock/items.ts'
import { findCountBases } from '../../sql/stock/ledger/find-count-bases.ts'
import { findLocations } from '../../sql/stock/locations.ts'
import type { WriteContext } from '../context.ts'
import { type SourcedChange, writeChangesAndMoves } from '../orders/write-changes.ts'
import { findUnreserved, lockAndPlan, type Plan, unreserveOrders } from './unreserve-newest.ts'

/** A change of one level. `location`: null for the default one. `reason`: null for that of the call. */
export type BulkRow = {
  sku: string
  location: string | null
  reason?: string | null
  reference?: string | null
} & (
  | (Pick<AskedDelta, 'delta' | 'expectedAvailable'> & {
      type: 'ADJUSTMENT' | 'RECEIPT' | 'TRANSFER_OUT' | 'TRANSFER_IN'
    })
  | Pick<AskedCount, 'type' | 'counted' | 'asOf'>
)

export type BulkOptions = {
  reason: string | null
  /** Whether a refused row stops the others. */
  errorPolicy: ErrorPolicy
  /** Reports the outcome without changing anything. */
  dryRun: boolean
  onShortfall: OnShortfall
}

/** Rows of one call. Files have more, and are applied in chunks. */
export const BULK_MAX = 1_000

/** Options of a call that makes all of its changes or none. */
export const ALL_OR_NOTHING = { errorPolicy: 'ALL_OR_NOTHING', dryRun: false, onShortfall: 'REFUSE' } as const

export type ErrorPolicy = 'ALL_OR_NOTHING' | 'SKIP_FAILED'

/**
 * Result of a row. `before` and `after`: what is available for a delta, on hand for a count; in a dry run, what would be. Null where
 * unknown, `after` also where nothing was changed. `userErrors`: their paths begin at the row.
 */
export type BulkOutcome = {
  before: bigint | null
  after: bigint | null
  movement: InventoryMovement | null
  userErrors: UserError[]
}

/**
 * Changes many levels in the caller's transaction, row after row, by a number of statements that does not depend on how many rows
 * there are. All changes of stock that no order causes are made here. It writes orders and stock: call it once in a transaction.
 *
 * @param caller whom ledger and events name
 * @param rows with texts that were checked
 * @returns a result for each row, in their order, and the orders that wait again
 * @throws {CallError} BAD_USER_INPUT where more orders would wait again than one call can send back; UNAVAILABLE where their locks
 *   cannot be had
 */
export async function changeMany(
  context: WriteContext,
  tx: Tx,
  caller: Caller,
  rows: readonly BulkRow[],
  options: BulkOptions,
): Promise<{ outcomes: BulkOutcome[]; unreserved: Order[] }> {
  const asked = rows.map((row) => toChange(row, caller, options))
  // no level is made for what is refused, and nothing is locked for what changes nothing
  const { known, preview } = await readAndPlan(tx, asked, options)
  if (options.dryRun) {
    if (isRefused(preview, options)) return refused(preview)
    return { outcomes: outcomesOf(preview), unreserved: await findUnreserved(tx, preview.shortfalls) }
  }
  if (!asked.some(comparesWithLedger)) {
    if (isRefused(preview, options)) return refused(preview)
    if (!preview.planned.some(({ move }) => move)) return { outcomes: outcomesOf(preview), unreserved: [] }
  }
  const entered = asked.filter((_, index) => mayMove(preview.planned[index]!))
  const replan = (levels: readonly StockLevel[]) => plan(tx, asked, { ...known, levels }, options)
  const locked = await lockAndPlan(tx, { skus: known.skus, entered, replan }, options)
  if (isRefused(locked.plan, options)) return refused(locked.plan)
  const at = context.now()
  const changes = await unreserveOrders(tx, locked, at)
  const sourced = changes.map((change): SourcedChange => {
    return { change, actor: caller.id, note: options.reason }
  })
  const moves = locked.plan.planned.flatMap(({ move }) => move ?? [])
  const movements = await writeChangesAndMoves(tx, sourced, moves, { stock: locked.stock }, at)
  return { outcomes: outcomesOf(locked.plan, movements), unreserved: changes.map(({ after }) => after) }
}

/**
 * Reports the results of a chunk of a file without changing anything.
 *
 * @param unwritten what the chunks before would have changed
 * @returns a result for each row, and what this chunk and those before would have changed together
 */
export async function previewMany(
  tx: Tx,
  caller: Caller,
  rows: readonly BulkRow[],
  options: BulkOptions,
  unwritten: readonly LevelChange[],
): Promise<{ outcomes: BulkOutcome[]; levelChanges: LevelChange[] }> {
  const asked = rows.map((row) => toChange(row, caller, options))
  const { preview } = await readAndPlan(tx, asked, options, unwritten)
  return { outcomes: outcomesOf(preview), levelChanges: preview.levelChanges }
}

function toChange(row: BulkRow, { id: actor }: Caller, { reason }: BulkOptions): AskedChange {
  const common = {
    sku: row.sku,
    location: row.location ?? DEFAULT_LOCATION,
    reason: row.reason ?? reason,
    reference: row.reference ?? null,
    actor,
  }
  return { ...row, ...common }
}

/** Items and locations, which are never deleted. */
type Known = Pick<StockFacts, 'skus' | 'locations'>

/**
 * Whether a change is planned from levels and ledger together. Without locks these are read one after the other: another count may
 * be in one and not in the other.
 */
function comparesWithLedger(change: AskedChange): boolean {
  return change.type === 'COUNT' && change.asOf !== null
}

/** Plans changes of the stock as it is, without locks. */
async function readAndPlan(
  tx: Tx,
  asked: readonly AskedChange[],
  options: BulkOptions,
  unwritten: readonly LevelChange[] = [],
): Promise<{ known: Known; preview: Plan }> {
  const known = await readKnown(tx, asked)
  const levels = await findLevels(tx, [...known.skus])
  return { known, preview: await plan(tx, asked, { ...known, levels, unwritten }, options) }
}

async function readKnown(tx: Tx, asked: readonly AskedChange[]): Promise<Known> {
  const [skus, locations] = await Promise.all([
    findKnownSkus(
      tx,
      asked.map(({ sku }) => sku).filter((sku) => isSku(sku)),
    ),
    findLocations(tx, [...new Set(asked.map(({ location }) => location))].filter(isLocationCode)),
  ])
  return { skus, locations: new Set(locations.map(({ code }) => code)) }
}

/** Plans changes of levels that were read before. */
async function plan(
  tx: Tx,
  asked: readonly AskedChange[],
  stock: Omit<StockFacts, 'bases'>,
  { onShortfall }: BulkOptions,
): Promise<Plan> {
  const counts = asked.flatMap((change, index) => {
    if (change.type !== 'COUNT' || change.asOf === null) return []
    const isKnown = stock.skus.has(change.sku) && stock.locations.has(change.location)
    return isKnown ? [{ index, sku: change.sku, location: change.location, asOf: change.asOf }] : []
  })
  const found = await findCountBases(tx, counts)
  const bases = new Map(
    counts.flatMap(({ index }, place) => {
      const base = found[place]
      return base === undefined ? [] : [[index, base]]
    }),
  )
  return planChanges(asked, { ...stock, bases }, onShortfall)
}

/** Whether a change planned without locks may move stock under them: it moves some, or its refusal may no longer hold. */
function mayMove({ before, move, error }: PlannedChange): boolean {
  return move !== null || (error !== null && before !== null)
}

/** Whether the refusals keep every row from being applied. */
function isRefused({ planned }: Plan, { errorPolicy }: BulkOptions): boolean {
  const refused = planned.filter(({ error }) => error).length
  return errorPolicy === 'ALL_OR_NOTHING' ? refused > 0 : refused === planned.length
}

function refused({ planned }: Plan): { outcomes: BulkOutcome[]; unreserved: [] } {
  return { outcomes: outcomesOf({ planned }).map((one) => ({ ...one, after: null })), unreserved: [] }
}

/** @param movements of the moves, in their order; empty for a plan that was not written */
function outcomesOf(
  { planned }: Pick<Plan, 'planned'>,
  movements: readonly InventoryMovement[] = [],
): BulkOutcome[] {
  let moved = 0
  return planned.map(({ before, after, move, error }) => {
    const movement = (move && movements[moved++]) ?? null
    return { before, after, movement, userErrors: error ? [error] : [] }
  })
}
