import { GroupCommit, type GroupObserver } from '../../database/group-commit.ts'
import { inTransaction, type Tx } from '../../database/transaction.ts'
import type { Order } from '../../domain/orders/order.ts'
import { waitingOf } from '../../domain/orders/order-line.ts'
import { deliver } from '../../domain/orders/verbs/deliver.ts'
import { fail } from '../../domain/orders/verbs/fail.ts'
import type {
  SupplierDecision,
  SupplierOutcome,
  SupplierPolicy,
} from '../../domain/supplier/supplier-policy.ts'
import {
  isOpen,
  type SupplierRequest,
  settleRequest,
  settleUnasked,
} from '../../domain/supplier/supplier-request.ts'
import type { DeadLetter } from '../../domain/upkeep/dead-letter.ts'
import type { JobTry, SupplierJob } from '../../domain/upkeep/jobs.ts'
import { isRestockAwaited, supplierJob } from '../../domain/upkeep/next-job.ts'
import { lockOrders } from '../../sql/orders/find-orders.ts'
import { findHoldings, type Holding } from '../../sql/stock/ledger/find-holdings.ts'
import { type LockedStock, lockStock, NO_STOCK } from '../../sql/stock/lock-stock.ts'
import { deleteRequests, findRequestsOf } from '../../sql/supplier/supplier-requests.ts'
import type { WriteContext } from '../context.ts'
import { findShortages, type Shortages } from '../orders/fail-orders.ts'
import { RESERVE_BATCH_MAX } from '../orders/reserve-inventory.ts'
import { type SourcedChange, writeChanges } from '../orders/write-changes.ts'

/**
 * A supplier call that has ended: what its job names, the outcome, and the job run that made the call. `not-asked`: it was not
 * made, because the line did not wait, and none was made before.
 */
export type SettledCall = SupplierJob['payload'] & {
  outcome: SupplierOutcome | { kind: 'not-asked' }
  job?: JobTry
}

export type SettleContext = WriteContext & {
  supplierPolicy: SupplierPolicy
  /** A number in [0, 1). */
  random: () => number
}

/** Group commit in which outcomes of supplier calls share a transaction. */
export type OutcomeGroup = GroupCommit<SettledCall, undefined>

/** A worker has at most WORKER_CONCURRENCY (1,000) calls in flight: never reached. */
const OUTCOMES_WAITING_MAX = 10_000

/** Makes the group of outcomes: calls that end during a commit share the next one. */
export function createOutcomeGroup(context: SettleContext, observer: GroupObserver): OutcomeGroup {
  const settle = async (calls: SettledCall[]) => {
    await settleSupplierOutcomes(context, calls)
    return calls.map(() => undefined)
  }
  return new GroupCommit(settle, {
    batchSizeMax: RESERVE_BATCH_MAX,
    waitingMax: OUTCOMES_WAITING_MAX,
    ...observer,
  })
}

/**
 * Applies outcomes of supplier calls to their requests and orders, in one transaction: receives what was delivered, and reserves
 * it for the line that still waits for it; fails the order whose line waits after a refusal or failure; and otherwise schedules
 * the next call. A request that was not made is deleted, unless its line waits again. The outcome of an outdated call changes
 * nothing, so a repeat does nothing.
 */
export async function settleSupplierOutcomes(
  context: SettleContext,
  calls: readonly SettledCall[],
): Promise<void> {
  await inTransaction(context, 'settle-supplier-outcomes', async (tx) => {
    const ids = [...new Set(calls.map((call) => call.orderId))]
    // behind the locks of their orders, under which alone requests are written
    const [orders, earlier] = await Promise.all([lockOrders(tx, ids), findRequestsOf(tx, ids)])
    const at = context.now()
    const settled = settle(context, orders, earlier, calls, at)
    const settledOf = Map.groupBy(settled, ({ before }) => before.orderId)
    const concerned = orders.flatMap((order): Concerned[] => {
      const own = settledOf.get(order.id)
      if (!own) return []
      return [{ order, settled: own, failure: own.find((one) => isFailureOf(order, one)) }]
    })
    const failing = concerned.filter(({ failure }) => failure).map(({ order }) => order)
    const [holdings, shortages] = await Promise.all([
      failing.length > 0
        ? findHoldings(
            tx,
            failing.map(({ id }) => id),
          )
        : [],
      findShortages(tx, failing),
    ])
    const changes = concerned.flatMap((one) => changeOf(one, holdings, shortages, at))
    const stock = await lockMoved(tx, changes)
    const jobs = settled.flatMap(nextCallOf)
    const requests = settled.flatMap(({ after }) => after ?? [])
    const unasked = settled.filter(({ after }) => !after).map(({ before }) => before)
    await Promise.all([writeChanges(tx, changes, { stock, requests, jobs }, at), deleteRequests(tx, unasked)])
  })
}

/** A call that was not outdated, and its request before and after it. */
type Settled = {
  call: SettledCall
  decision: SupplierDecision | { kind: 'forget' }
  before: SupplierRequest
  /** Undefined if no supplier was asked, and nobody waits. */
  after?: SupplierRequest
}

type Failing = Settled & { decision: Extract<SupplierDecision, { kind: 'fail' }> }

/** An order that calls were about, and the one that fails it. */
type Concerned = { order: Order; settled: readonly Settled[]; failure: Failing | undefined }

function settle(
  { supplierPolicy, random }: SettleContext,
  orders: readonly Order[],
  requests: readonly SupplierRequest[],
  calls: readonly SettledCall[],
  at: Date,
): Settled[] {
  const callsOf = Map.groupBy(calls, ({ orderId }) => orderId)
  const orderOf = new Map(orders.map((order) => [order.id, order]))
  return requests.flatMap((before) => {
    if (!isOpen(before)) return []
    const { orderId, sku, step } = before
    // of several calls for one request, one on its current step
    const isAbout = (call: SettledCall) => (call.sku ?? sku) === sku && call.step === step
    const call = callsOf.get(orderId)?.find(isAbout)
    if (!call) return []
    const { outcome } = call
    const settled =
      outcome.kind === 'not-asked'
        ? settleUnasked(before, isRestockAwaited(orderOf.get(orderId)!, sku))
        : settleRequest(before, outcome, supplierPolicy, random(), at)
    return [{ call, before, ...settled }]
  })
}

/** Whether an order fails by this: a supplier that does not deliver what nobody waits for fails nothing. */
function isFailureOf(order: Order, one: Settled): one is Failing {
  return one.decision.kind === 'fail' && isRestockAwaited(order, one.before.sku)
}

function changeOf(
  { order, settled, failure }: Concerned,
  holdings: readonly Holding[],
  shortages: Shortages,
  at: Date,
): SourcedChange[] {
  const delivered = settled.filter(({ decision }) => decision.kind === 'deliver')
  const goods = delivered.map(({ before: { sku, qty } }) => ({ sku, qty }))
  if (!failure) {
    const [first] = delivered
    return first ? [{ change: deliver(order, goods, at), ...sourceOf(first) }] : []
  }
  const held = holdings.filter(({ orderId }) => orderId === order.id)
  const failed = fail(order, held, failure.decision.reason, at, shortages.get(order.id) ?? [])
  // what comes at the same moment is free stock
  const change = { ...failed, moves: [...deliver(failed.after, goods, at).moves, ...failed.moves] }
  return [{ change, deadLetter: letterOf(failure), ...sourceOf(failure) }]
}

/** The try is that of the question: jobs of the supplier re-schedule themselves. */
function sourceOf({ call: { origin, job }, before }: Settled): Pick<SourcedChange, 'origin' | 'job'> {
  return { origin, job: job && { ...job, attempt: before.attempts + job.attempt } }
}

/** A missing answer leaves a dead letter for an operator. */
function letterOf({ call: { outcome, origin }, before }: Settled): DeadLetter | undefined {
  if (outcome.kind !== 'transport-error') return undefined
  return { ...supplierJob(before, origin), error: outcome.detail, attempts: before.attempts + 1 }
}

function nextCallOf({ call: { origin }, decision, after }: Settled): SupplierJob[] {
  if (decision.kind !== 'ask-again' || !after) return []
  return [{ ...supplierJob(after, origin), delayMs: decision.delayMs }]
}

/** Locks the stock that is moved. A supplier's goods may be the first of their SKU where they come to. */
async function lockMoved(tx: Tx, changes: readonly SourcedChange[]): Promise<LockedStock> {
  const moves = changes.flatMap(({ change }) => change.moves)
  if (moves.length === 0) return NO_STOCK
  const received = moves.filter(({ type }) => type === 'SUPPLIER_RECEIPT')
  // what came for one line of an order may let the others fit, if it takes them together
  const waiting = changes.flatMap(({ change: { after, event } }) =>
    event && after.ifShort !== 'ASK_SUPPLIER' ? after.lines.filter((line) => waitingOf(line) > 0) : [],
  )
  return lockStock(
    tx,
    [...moves, ...waiting].map(({ sku }) => sku),
    received,
  )
}
