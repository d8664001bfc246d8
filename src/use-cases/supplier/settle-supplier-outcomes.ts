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

/** A call to the supplier that has ended, for the order's step that it was made for, and the run of a job that made it. */
export type SettledCall = OrderRef & { step: number; outcome: SupplierOutcome; job?: JobTry }

export type SettleContext = WriteContext & {
  supplierPolicy: SupplierPolicy
  /** A number in [0, 1). */
  random: () => number
}

/** Where calls that have ended come together to share a transaction. */
export type OutcomeGroup = GroupCommit<SettledCall, undefined>

/** A worker has no more calls under way than its concurrency: never reached. */
const OUTCOMES_WAITING_MAX = 10_000

/** Makes the group of outcomes: calls that end while a commit is under way share the next one. */
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
 * The order that a scheduled call to the supplier is for.
 *
 * @returns null when the call is out of date: its order waits no longer, or for a later call
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
 * Draws the consequences of calls to the supplier, in one transaction: delivered goods are received and reserved,
 * refusals and failures end the order, and where there is no answer yet the next call is scheduled. The outcome of a
 * call that is out of date changes nothing, so that a repeat does nothing.
 */
export async function settleSupplierOutcomes(
  context: SettleContext,
  calls: readonly SettledCall[],
): Promise<void> {
  const { supplierPolicy, random } = context
  await inTransaction(context, 'settle-supplier-outcomes', async (tx) => {
    const orders = await lockOrders(tx, [...new Set(calls.map((call) => call.orderId))])
    const stepOf = new Map(orders.map((order) => [order.id, order.supplierStep]))
    // of several calls for one order, the one that is not out of date
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
  // an answer is the supplier's word; none at all is for an operator to look into
  if (outcome.kind !== 'transport-error') return [failure]
  const attempts = order.supplierAttempts + 1
  return [{ ...failure, deadLetter: { ...supplierJob(order, origin), error: outcome.detail, attempts } }]
}

/** The supplier's goods come in and go to the order they were asked for: stock that others can take is as before. */
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
