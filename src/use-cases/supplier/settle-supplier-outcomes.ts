import { GroupCommit, type GroupObserver } from '../../database/group-commit.ts'
import { inTransaction, type Tx } from '../../database/transaction.ts'
import type { Order } from '../../domain/orders/order.ts'
import type { Origin } from '../../domain/origin.ts'
import type { StockChange } from '../../domain/stock/stock.ts'
import {
  decide,
  type SupplierDecision,
  type SupplierOutcome,
  type SupplierPolicy,
} from '../../domain/supplier/supplier-policy.ts'
import type { JobTry, OrderRef } from '../../domain/upkeep/jobs.ts'
import { supplierJob } from '../../domain/upkeep/next-job.ts'
import { lockOrders } from '../../sql/orders/find-orders.ts'
import { addJobs } from '../../sql/queue/add-jobs.ts'
import { lockStock, moveStock } from '../../sql/stock/move-stock.ts'
import { noteSupplierProgress } from '../../sql/supplier/note-supplier-progress.ts'
import type { WriteContext } from '../context.ts'
import type { OrderReader } from '../orders/find-order.ts'
import { RESERVE_BATCH_MAX, reservation } from '../orders/reserve-inventory.ts'
import { type Transition, transitionOrders } from '../orders/transition-orders.ts'

/** A supplier call that has ended: the order and its step, the outcome, and the job run that made the call. */
export type SettledCall = OrderRef & { step: number; outcome: SupplierOutcome; job?: JobTry }

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
 * Reads the order of a scheduled supplier call.
 *
 * @returns null if the call is outdated: its order no longer waits, or waits for a later call
 */
export async function findOrderForSupplierCall(
  { groups }: { groups: { findOrder: OrderReader } },
  orderId: string,
  step: number,
): Promise<Order | null> {
  const order = await groups.findOrder.submit(orderId)
  return order?.status === 'AWAITING_RESTOCK' && order.supplierStep === step ? order : null
}

/**
 * Applies outcomes of supplier calls to their orders, in one transaction: receives and reserves what was delivered, fails the
 * order after a refusal or failure, and otherwise schedules the next call. The outcome of an outdated call changes nothing, so
 * a repeat does nothing.
 */
export async function settleSupplierOutcomes(
  context: SettleContext,
  calls: readonly SettledCall[],
): Promise<void> {
  const { supplierPolicy, random } = context
  await inTransaction(context, 'settle-supplier-outcomes', async (tx) => {
    const orders = await lockOrders(tx, [...new Set(calls.map((call) => call.orderId))])
    const stepOf = new Map(orders.map((order) => [order.id, order.supplierStep]))
    // of several calls for one order, the one on its current step
    const current = calls.filter(({ orderId, step }) => stepOf.get(orderId) === step)
    const callOf = new Map(current.map((call) => [call.orderId, call]))
    const decided = orders.flatMap((order): Decided[] => {
      const call = callOf.get(order.id)
      if (!call || order.status !== 'AWAITING_RESTOCK') return []
      const progress = { attempts: order.supplierAttempts, rechecks: order.supplierRechecks }
      return [{ order, call, decision: decide(call.outcome, progress, supplierPolicy, random()) }]
    })

    await receiveAndReserve(context, tx, ordersTo('reserve', decided))
    await askAgain(context, tx, decided)
    await transitionOrders(context, tx, decided.flatMap(transitionOf))
  })
}

type Decided = { order: Order; call: SettledCall; decision: SupplierDecision }

function ordersTo(kind: SupplierDecision['kind'], decided: readonly Decided[]): Order[] {
  return decided.filter(({ decision }) => decision.kind === kind).map(({ order }) => order)
}

function transitionOf({ order, call: { outcome, origin, job }, decision }: Decided): Transition[] {
  if (decision.kind === 'reserve') return [{ order, to: 'RESERVED', origin, job }]
  if (decision.kind === 'ask-again') return []
  const failure = { order, to: 'FAILED', reason: decision.reason, origin, job } as const
  // an answer ends the order; a missing answer also leaves a dead letter for an operator
  if (outcome.kind !== 'transport-error') return [failure]
  const attempts = order.supplierAttempts + 1
  return [{ ...failure, deadLetter: { ...supplierJob(order, origin), error: outcome.detail, attempts } }]
}

/** Receives the supplier's delivery and reserves it for its order, so `available` is as before. */
async function receiveAndReserve({ now }: WriteContext, tx: Tx, orders: readonly Order[]): Promise<void> {
  if (orders.length === 0) return
  const stock = await lockStock(tx, [...new Set(orders.map((order) => order.sku))])
  const availableOf = new Map(stock.map((item) => [item.sku, item.available]))
  const changes = orders.flatMap((order): StockChange[] => {
    const available = availableOf.get(order.sku)!
    const taken = reservation(order, available)
    const received = { delta: order.qty, availableAfter: available + BigInt(order.qty) }
    return [{ ...taken, ...received, type: 'SUPPLIER_RECEIPT' }, taken]
  })
  await moveStock(tx, changes, { createdAt: now() })
}

async function askAgain({ now }: WriteContext, tx: Tx, decided: readonly Decided[]): Promise<void> {
  const nextOf = new Map<string, { delayMs: number; origin: Origin | undefined }>()
  const notes = decided.flatMap(({ order, call: { origin }, decision }) => {
    if (decision.kind !== 'ask-again') return []
    nextOf.set(order.id, { delayMs: decision.delayMs, origin })
    return [{ id: order.id, step: order.supplierStep, ref: decision.ref ?? null, ...decision.progress }]
  })
  if (notes.length === 0) return
  const noted = await noteSupplierProgress(tx, notes, now())
  const jobs = noted.map((order) => {
    const { delayMs, origin } = nextOf.get(order.id)!
    return { ...supplierJob(order, origin), delayMs }
  })
  await addJobs(tx, jobs)
}
