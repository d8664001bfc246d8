import type { FailureReason } from '../../src/domain/orders/order-status.ts'
import {
  byText,
  isAskingFor,
  isCallOf,
  isOpen,
  type ModelFailure,
  type ModelJob,
  type ModelLetter,
  type ModelOrder,
  openOf,
  reserves,
} from './model-data.ts'
import type { StockModel } from './stock-model.ts'

// What becomes of orders without their callers: work that is given up and retried, holds that end, jobs that were lost.

/** Ends requests whose job is given up, and the orders that wait for such a job. Of several letters for one order, the last counts. */
export function giveUp(model: StockModel, failures: readonly ModelFailure[]): void {
  const over = model.requests.filter((request) => failures.some((failure) => isCallOf(failure, request)))
  const last = new Map<string, ModelFailure>()
  for (const failure of failures) {
    const order = model.find(failure.orderId)
    if (!order) continue
    const isReservation = failure.step === null && order.status === 'PENDING'
    const isCall = over.some((request) => isCallOf(failure, request) && isAskingFor(order, request.sku))
    if (isReservation || isCall) last.set(order.id, failure)
  }
  for (const request of over) Object.assign(request, { state: 'UNREACHABLE', step: request.step + 1 })
  for (const [orderId, letter] of [...last].sort(([one], [other]) => byText(one, other))) {
    model.letters.push({ ...letter, retried: false })
    failOrder(model, model.find(orderId)!, 'INTERNAL_ERROR')
  }
}

export function failOrder(model: StockModel, order: ModelOrder, reason: FailureReason): void {
  order.gaveUp = order.lines.map((line) => ({ sku: line.sku, qty: openOf(line) }))
  release(model, order)
  model.transition(order, 'OrderFailed', { ending: 'FAILED', failureReason: reason })
}

function release(model: StockModel, order: ModelOrder): void {
  for (const { sku } of order.lines)
    for (const piece of model.heldBy(order, sku)) model.move('RELEASE', piece, order, order.version + 1)
  for (const line of order.lines) {
    line.cancelled += openOf(line)
    line.reserved = 0
  }
}

/** Ends open holds that are past. @returns how many */
export function endHolds(model: StockModel): number {
  const past = model.orders.filter(({ hold, ending }) => hold === 'past' && ending === null)
  for (const order of past.sort((one, other) => byText(one.id, other.id))) {
    release(model, order)
    model.transition(order, 'OrderExpired', { ending: 'EXPIRED' })
  }
  return past.length
}

/** @returns those that were closed now */
export function retryLetters(model: StockModel, letters: readonly ModelLetter[]): ModelLetter[] {
  return [...new Set(letters)].filter((letter) => {
    const order = model.find(letter.orderId)!
    if (letter.retried) return false
    letter.retried = true
    if (order.status !== 'FAILED' || order.hold === 'past') return true
    for (const { sku, qty } of order.gaveUp) order.lines.find((line) => line.sku === sku)!.cancelled -= qty
    model.transition(order, 'OrderReopened', { lookedAt: false })
    model.enqueueReservation([order.id])
    return true
  })
}

/** @param dead jobs that have used up their attempts, with the error of the last */
export function sweepJobs(
  model: StockModel,
  dead: readonly { job: ModelJob; error: string; attempts: number }[],
  oldKeys: readonly string[],
): { requeued: number; buried: number; keysDeleted: number } {
  const pending = model.orders
    .filter(({ id, status }) => status === 'PENDING' && !model.jobs.some((job) => reserves(job, id)))
    .map(({ id }) => id)
  const unasked = model.requests.filter(
    (request) =>
      isOpen(request) && !model.jobs.some((job) => isCallOf({ ...job, orderId: job.orderIds[0]! }, request)),
  )
  model.enqueueCommit(pending.sort())
  for (const request of unasked) model.enqueueCall(request, 0)
  // of several orders one may be to blame, and nobody knows which
  const [alone, shared] = [true, false].map((isAlone) =>
    dead.filter(({ job }) => (job.orderIds.length === 1) === isAlone),
  )
  giveUp(
    model,
    alone!.map(({ job: { orderIds, task, sku, step }, error, attempts }) => {
      return { orderId: orderIds[0]!, task, sku, step, error, attempts }
    }),
  )
  model.split(shared!.flatMap(({ job }) => job.orderIds))
  model.removeJobs(dead.map(({ job }) => job))
  const keysDeleted = oldKeys.filter((key) => model.keys.delete(key)).length
  const buried = dead.flatMap(({ job }) => job.orderIds).length
  return { requeued: pending.length + unasked.length, buried, keysDeleted }
}
