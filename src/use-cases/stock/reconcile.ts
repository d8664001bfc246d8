import { inTransaction, type Tx } from '../../database/transaction.ts'
import { isUnavailable } from '../../database/unavailable.ts'
import { DEFAULT_LOCATION } from '../../domain/stock/location.ts'
import {
  decideLineRepairs,
  decideRepairs,
  type StockRepair,
  type StockWitnesses,
} from '../../domain/stock/stock-drift.ts'
import { lockOrders } from '../../sql/orders/find-orders.ts'
import { type LevelKey, lockStock } from '../../sql/stock/lock-stock.ts'
import {
  insertCorrection,
  lockWitnesses,
  readLineWitnesses,
  setCounter,
  setReserved,
} from '../../sql/stock/repair-stock.ts'
import { adoptStates, readActualStates, resetStates } from '../../sql/stock/stock-states.ts'
import { type Breach, INVARIANTS } from '../../sql/upkeep/find-breaches.ts'
import { noteChecks } from '../../sql/upkeep/invariant-checks.ts'
import type { ReadContext, WriteContext } from '../context.ts'
import { checkInvariants } from '../upkeep/check-invariants.ts'
import { type SweepContext, sweep } from '../upkeep/sweep.ts'

/** The invariants whose subject is a level with a counter that is off. */
const OF_COUNTERS = new Set(['available is the sum of the movements', 'reserved is the sum of the movements'])

/** The invariant whose subject is an order with a line that is off. */
const OF_LINES = 'a line has reserved what its movements hold'

/** The invariant whose subject is a SKU with a state that is off. */
const OF_STATES = 'an item is low or out of stock as its levels say'

/** What a correction gives as its reason. */
const REPAIR_REASONS = {
  ledger: 'reconcile: the ledger did not add up to what is available',
  available: 'changed without a movement: set to the sum of the ledger',
  reserved: 'changed without a movement: set to what its movements promise',
  line: 'changed without a movement: set to what its movements hold',
}

/**
 * Checks every invariant at one moment: ledger, counters, orders, events and jobs. Reads whole tables, and writes the result for
 * the metrics.
 *
 * With `repair`: a counter that the ledger contradicts, and what a line has reserved where it contradicts a ledger that is
 * otherwise sound, is set to what that says, with a row in `repairs`; a ledger that does not add up to a counter it confirms gets
 * an ADJUSTMENT movement; orders without a job get one; a SKU is low or out of stock as its levels say. Each order and each level is a transaction. Nothing that is sold, and no
 * order's history, is touched: what else is broken is left to people.
 *
 * @returns what it found, what it mended where it was asked to, what it could not mend for now, and what is left
 */
export async function reconcile(context: SweepContext, { repair }: { repair: boolean }) {
  const breaches = await checkInvariants(context)
  if (!repair || breaches.length === 0) {
    await note(context, breaches)
    return { breaches, repairs: [], failures: [], remaining: breaches }
  }
  const repairs: string[] = []
  const failures: string[] = []
  const subjectsOf = (isOne: (invariant: string) => boolean) => [
    ...new Set(breaches.filter(({ invariant }) => isOne(invariant)).map(({ subject }) => subject)),
  ]
  const attempt = async (subject: string, repairOne: typeof repairLevel) => {
    try {
      repairs.push(...(await repairOne(context, subject)))
    } catch (error) {
      if (isUnavailable(error)) throw error
      failures.push(`${subject}: ${error instanceof Error ? error.message : error}`)
    }
  }
  // lines first: a level is left alone as long as a line of its SKU is off
  for (const id of subjectsOf((invariant) => invariant === OF_LINES)) await attempt(id, repairLines)
  for (const level of subjectsOf((invariant) => OF_COUNTERS.has(invariant))) await attempt(level, repairLevel)
  for (const sku of subjectsOf((invariant) => invariant === OF_STATES)) await attempt(sku, repairState)
  const swept = await sweep(context, { timeMaxMs: Number.POSITIVE_INFINITY })
  repairs.push(
    ...swept.requeued.map((id) => `order ${id}: it had no job and got one`),
    ...swept.buried.map(
      (id) =>
        `order ${id}: its job was dead; the order failed with a dead letter, if it still waited for the job`,
    ),
    ...swept.setAside.map((id) => `job ${id}: dead, and its payload names no order; put aside`),
  )
  failures.push(...swept.failures)
  if (swept.isElsewhere) {
    failures.push('another process is looking for orders without a job: run this again to see what remains')
  }
  const remaining = await checkInvariants(context)
  await note(context, remaining)
  return { breaches, repairs, failures, remaining }
}

/** Repairs the lines of an order. @returns what it did, a line each */
async function repairLines(context: WriteContext, orderId: string): Promise<string[]> {
  return inTransaction(context, 'repair-stock', async (tx) => {
    // compared again under the locks: the order may have changed during the check
    const [order] = await lockOrders(tx, [orderId])
    if (!order) return []
    await lockStock(
      tx,
      order.lines.map(({ sku }) => sku),
    )
    const repairs = decideLineRepairs(order, await readLineWitnesses(tx, orderId))
    const at = context.now()
    for (const { sku, before, after } of repairs) {
      await setReserved(tx, orderId, sku, before, after, REPAIR_REASONS.line, at)
    }
    return repairs.map(
      ({ sku, before, after }) =>
        `order ${orderId}: reserved ${before} of ${sku} set to ${after}: ${REPAIR_REASONS.line}`,
    )
  })
}

/** Repairs a level, as invariants name it. @returns what it did, a line each */
async function repairLevel(context: WriteContext, subject: string): Promise<string[]> {
  const [sku = '', location = DEFAULT_LOCATION] = subject.split(' at ')
  return inTransaction(context, 'repair-stock', async (tx) => {
    // compared again under the lock: an order may have changed the stock during the check
    const stock = await lockWitnesses(tx, { sku, location })
    if (stock === null) return []
    const before = await readActualStates(tx, [sku])
    const done: string[] = []
    for (const repair of decideRepairs(stock)) {
      const what = await apply(tx, { sku, location }, stock, repair, context.now())
      done.push(`${subject}: ${what}`)
    }
    // nobody who follows the stock may take what was found for what happened
    await adoptStates(tx, before)
    return done
  })
}

/** Sets whether a SKU is low or out of stock to what its levels say: no threshold is crossed by that. @returns what it did */
async function repairState(context: WriteContext, sku: string): Promise<string[]> {
  return inTransaction(context, 'repair-stock', async (tx) => {
    await lockStock(tx, [sku])
    await resetStates(tx, [sku])
    return [`${sku}: whether it is low or out of stock was set to what its levels say`]
  })
}

async function apply(
  tx: Tx,
  { sku, location }: LevelKey,
  stock: StockWitnesses,
  repair: StockRepair,
  at: Date,
): Promise<string> {
  if ('field' in repair) {
    const { field, to: after } = repair
    const before = stock[field]
    await setCounter(tx, sku, location, field, before, after, REPAIR_REASONS[field], at)
    return `${field} ${before} set to ${after}: ${REPAIR_REASONS[field]}`
  }
  const reservedAfter = stock.promised
  let availableAfter = stock.ledger
  for (const delta of repair.movements) {
    availableAfter += BigInt(delta)
    await insertCorrection(tx, sku, location, delta, availableAfter, reservedAfter, REPAIR_REASONS.ledger, at)
  }
  const deltas = repair.movements.join(', ')
  return `ledger ${stock.ledger} adjusted by ${deltas} to the ${stock.available} available`
}

async function note({ pool }: ReadContext, breaches: readonly Breach[]): Promise<void> {
  const counts = new Map(INVARIANTS.map((invariant) => [invariant, 0]))
  for (const { invariant } of breaches) counts.set(invariant, (counts.get(invariant) ?? 0) + 1)
  await noteChecks(pool, [...counts.keys()], [...counts.values()])
}
