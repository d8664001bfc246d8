import type { Tx } from '../../database/transaction.ts'
import type { Caller } from '../../domain/caller.ts'
import { CallError, type UserError } from '../../domain/errors.ts'
import type { Order } from '../../domain/orders/order.ts'
import type { OrderChange } from '../../domain/orders/order-change.ts'
import { unreserve } from '../../domain/orders/verbs/unreserve.ts'
import { DEFAULT_LOCATION, isLocationCode } from '../../domain/stock/location.ts'
import {
  type AskedChange,
  type AskedCount,
  type AskedDelta,
  type OnShortfall,
  planChanges,
  type Shortfall,
  type StockFacts,
} from '../../domain/stock/plan-changes.ts'
import { type InventoryMovement, isSku } from '../../domain/stock/stock.ts'
import { findOrders, lockOrders } from '../../sql/orders/find-orders.ts'
import { findKnownSkus, findLevels } from '../../sql/stock/items.ts'
import { findCountBases } from '../../sql/stock/ledger/find-count-bases.ts'
import { findHoldings } from '../../sql/stock/ledger/find-holdings.ts'
import { findNewestHolders, type Promised } from '../../sql/stock/ledger/find-newest-holders.ts'
import { findLocations } from '../../sql/stock/locations.ts'
import { type LockedStock, lockStock } from '../../sql/stock/lock-stock.ts'
import type { WriteContext } from '../context.ts'
import { type SourcedChange, writeChangesAndMoves } from '../orders/write-changes.ts'

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
  /** Whether one that is refused keeps the others from being made. */
  errorPolicy: ErrorPolicy
  /** Says what would be, and changes nothing. */
  dryRun: boolean
  onShortfall: OnShortfall
}

/** Changes of one call of a caller. Files have as many as they like, a part at a time. */
export const BULK_MAX = 1_000

/** How changes are made that belong together. */
export const ALL_OR_NOTHING = { errorPolicy: 'ALL_OR_NOTHING', dryRun: false, onShortfall: 'REFUSE' } as const

export type ErrorPolicy = 'ALL_OR_NOTHING' | 'SKIP_FAILED'

/**
 * What came of a row. `before`: what was available, of a count what was on hand; null where that is unknown. `after`: what is, or
 * would be by a dry run; null where nothing was changed. `userErrors`: their paths begin at the row.
 */
export type BulkOutcome = {
  before: bigint | null
  after: bigint | null
  movement: InventoryMovement | null
  userErrors: UserError[]
}

/**
 * Orders that one transaction sends back to waiting: about a second, for which their stock is locked. Whoever finds less than
 * that many were promised has more to do than to send a second call.
 */
const UNRESERVED_MAX = 10_000
/** Orders that reserve meanwhile are newer: it takes that many times in a row. */
const UNRESERVE_TRIES_MAX = 5

/**
 * Changes many levels in the caller's transaction, by a number of statements that does not depend on how many: row after row,
 * each by the level as the ones before left it. It is the one place where goods come in, leave or are corrected other than by
 * orders. It writes orders and stock: call it once in a transaction.
 *
 * @param caller whom ledger and events name
 * @param rows with texts that were checked
 * @returns what came of each, in their order, and the orders that wait again
 * @throws {CallError} BAD_USER_INPUT where more orders would have to wait again than one call can send back
 */
export async function changeMany(
  context: WriteContext,
  tx: Tx,
  caller: Caller,
  rows: readonly BulkRow[],
  options: BulkOptions,
): Promise<{ outcomes: BulkOutcome[]; unreserved: Order[] }> {
  const asked = rows.map((row) => toChange(row, caller, options))
  const known = await readKnown(tx, asked)
  const levels = await findLevels(tx, [...known.skus])
  // no level is made for what is refused, and nothing is locked for what changes nothing
  const preview = await plan(tx, asked, { ...known, levels }, options)
  if (options.dryRun) {
    const holders = isRefused(preview, options) ? [] : await findHolders(tx, preview.shortfalls)
    const unreserved = holders.length > 0 ? await findOrders(tx, idsOf(holders)) : []
    return { outcomes: outcomesOf(preview), unreserved }
  }
  if (isRefused(preview, options)) return refused(preview)
  if (!preview.planned.some(({ move }) => move)) return { outcomes: outcomesOf(preview), unreserved: [] }
  const { stock, orders, holders, ...locked } = await lockAndPlan(tx, asked, known, preview, options)
  if (isRefused(locked, options)) return refused(locked)
  const at = context.now()
  const changes = await takeBack(tx, orders, holders, at)
  const sourced = changes.map((change): SourcedChange => {
    return { change, actor: caller.id, note: options.reason }
  })
  const moves = locked.planned.flatMap(({ move }) => move ?? [])
  const movements = await writeChangesAndMoves(tx, sourced, moves, { stock }, at)
  return { outcomes: outcomesOf(locked, movements), unreserved: changes.map(({ after }) => after) }
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

/** What is there for good: items and locations are never deleted. */
type Known = Pick<StockFacts, 'skus' | 'locations'>

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

type Plan = ReturnType<typeof planChanges>

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

/** Whether nothing is to be changed. */
function isRefused({ planned }: Plan, { errorPolicy }: BulkOptions): boolean {
  const refused = planned.filter(({ error }) => error).length
  return errorPolicy === 'ALL_OR_NOTHING' ? refused > 0 : refused === planned.length
}

function refused({ planned }: Plan): { outcomes: BulkOutcome[]; unreserved: [] } {
  return { outcomes: outcomesOf({ planned }).map((one) => ({ ...one, after: null })), unreserved: [] }
}

/** @param movements those of the moves, in their order; none where nothing was moved */
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

/**
 * Locks the orders whose promises are taken back, then the stock, and plans again. What was reserved between is newer, and is to
 * be taken back first: then the locks are given up, and orders locked anew.
 */
async function lockAndPlan(
  tx: Tx,
  asked: readonly AskedChange[],
  known: Known,
  preview: Plan,
  options: BulkOptions,
): Promise<Plan & { stock: LockedStock; orders: Order[]; holders: Promised[] }> {
  const entered = asked.filter((_, index) => preview.planned[index]!.move)
  let candidates = await findHolders(tx, preview.shortfalls)
  for (let tries = 1; ; tries++) {
    const mayTryAgain = options.onShortfall === 'UNRESERVE_NEWEST'
    if (mayTryAgain) await tx.query('savepoint before_locks')
    const orders = candidates.length > 0 ? await lockOrders(tx, idsOf(candidates)) : []
    const stock = await lockStock(tx, known.skus, entered)
    const locked = await plan(tx, asked, { ...known, levels: stock.levels }, options)
    const holders = await findHolders(tx, locked.shortfalls)
    const isLocked = ({ orderId }: Promised) => orders.some(({ id }) => id === orderId)
    if (holders.every(isLocked)) return { ...locked, stock, orders, holders }
    if (tries === UNRESERVE_TRIES_MAX) {
      throw new CallError('UNAVAILABLE', 'Too many orders reserve this stock at the moment: try again')
    }
    await tx.query('rollback to savepoint before_locks')
    candidates = holders
  }
}

async function findHolders(tx: Tx, shortfalls: readonly Shortfall[]): Promise<Promised[]> {
  const holders = await findNewestHolders(tx, shortfalls, UNRESERVED_MAX + 1)
  if (idsOf(holders).length <= UNRESERVED_MAX) return holders
  const message = `More than ${UNRESERVED_MAX} orders would wait again: take back what they were promised in parts`
  throw new CallError('BAD_USER_INPUT', message)
}

function idsOf(promises: readonly Promised[]): string[] {
  return [...new Set(promises.map(({ orderId }) => orderId))]
}

/** Takes promises of locked orders back. @returns one change of each order */
async function takeBack(
  tx: Tx,
  orders: readonly Order[],
  promises: readonly Promised[],
  at: Date,
): Promise<OrderChange[]> {
  if (promises.length === 0) return []
  const ids = idsOf(promises)
  const holdings = Map.groupBy(await findHoldings(tx, ids), ({ orderId }) => orderId)
  const skusOf = Map.groupBy(promises, ({ orderId }) => orderId)
  return orders.flatMap((order) => {
    const skus = skusOf.get(order.id)?.map(({ sku }) => sku)
    if (!skus) return []
    const held = holdings.get(order.id)!.filter(({ sku }) => skus.includes(sku))
    const released = held.map(({ sku, location, qty }) => ({ sku, location, qty }))
    return [unreserve(order, released, at)]
  })
}
