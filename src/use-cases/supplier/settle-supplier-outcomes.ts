import type { App, SettledCall } from '../../app.ts'
import { inTransaction, type Tx } from '../../database/transaction.ts'
import type { Order } from '../../domain/orders/order.ts'
import type { Origin } from '../../domain/origin.ts'
import type { StockChange } from '../../domain/stock/stock.ts'
import { decide, type SupplierDecision } from '../../domain/supplier/supplier-policy.ts'
import { JOB_ATTEMPTS_MAX } from '../../domain/upkeep/jobs.ts'
import { supplierJob } from '../../domain/upkeep/next-job.ts'
import { lockOrders } from '../../sql/orders/find-orders.ts'
import { addJobs } from '../../sql/queue/add-jobs.ts'
import { lockStock, moveStock } from '../../sql/stock/move-stock.ts'
import { noteSupplierProgress } from '../../sql/supplier/note-supplier-progress.ts'
import { reservation } from '../orders/reserve-inventory.ts'
import { type Transition, transitionOrders } from '../orders/transition-orders.ts'

/**
 * The order that a scheduled call to the supplier is for.
 *
 * @returns null when the call is out of date: its order waits no longer, or for a later call
 */
export async function findOrderForSupplierCall(
  app: App,
  orderId: string,
  step: number,
): Promise<Order | null> {
  const order = await app.groups.findOrder.submit(orderId)
  return order?.status === 'AWAITING_RESTOCK' && order.supplierStep === step ? order : null
}

/**
 * Draws the consequences of calls to the supplier, in one transaction: delivered goods are received and reserved,
 * refusals and failures end the order, and where there is no answer yet the next call is scheduled. The outcome of a
 * call that is out of date changes nothing, so that a repeat does nothing.
 */
export async function settleSupplierOutcomes(app: App, calls: readonly SettledCall[]): Promise<void> {
  await inTransaction(app, 'settle-supplier-outcomes', async (tx) => {
    const orders = await lockOrders(tx, [...new Set(calls.map((call) => call.orderId))])
    const stepOf = new Map(orders.map((order) => [order.id, order.supplierStep]))
    // of several calls for one order, the one that is not out of date
    const current = calls.filter(({ orderId, step }) => stepOf.get(orderId) === step)
    const callOf = new Map(current.map((call) => [call.orderId, call]))
    const decided = orders.flatMap((order): Decided[] => {
      const call = callOf.get(order.id)
      if (!call || order.status !== 'AWAITING_RESTOCK') return []
      const progress = { attempts: order.supplierAttempts, rechecks: order.supplierRechecks }
      return [{ order, call, decision: decide(call.outcome, progress, app.supplierPolicy, app.random()) }]
    })

    await receiveAndReserve(app, tx, ordersTo('reserve', decided))
    await askAgain(app, tx, decided)
    await transitionOrders(app, tx, decided.flatMap(transitionOf))
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
async function receiveAndReserve(app: App, tx: Tx, orders: readonly Order[]): Promise<void> {
  if (orders.length === 0) return
  const stock = await lockStock(tx, [...new Set(orders.map((order) => order.sku))])
  const availableOf = new Map(stock.map((item) => [item.sku, item.available]))
  const changes = orders.flatMap((order): StockChange[] => {
    const available = availableOf.get(order.sku)!
    const taken = reservation(order, available)
    const received = { delta: order.qty, availableAfter: available + BigInt(order.qty) }
    return [{ ...taken, ...received, type: 'SUPPLIER_RECEIPT' }, taken]
  })
  await moveStock(tx, changes, { createdAt: app.now() })
}

async function askAgain(app: App, tx: Tx, decided: readonly Decided[]): Promise<void> {
  const nextOf = new Map<string, { delayMs: number; origin: Origin | undefined }>()
  const notes = decided.flatMap(({ order, call: { origin }, decision }) => {
    if (decision.kind !== 'ask-again') return []
    nextOf.set(order.id, { delayMs: decision.delayMs, origin })
    return [{ id: order.id, step: order.supplierStep, ref: decision.ref ?? null, ...decision.progress }]
  })
  if (notes.length === 0) return
  const noted = await noteSupplierProgress(tx, notes, app.now())
  const jobs = noted.map((order) => {
    const { delayMs, origin } = nextOf.get(order.id)!
    return { ...supplierJob(order, origin), delayMs }
  })
  await addJobs(tx, jobs, JOB_ATTEMPTS_MAX)
}
