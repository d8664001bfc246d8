import type { FailureReason } from '../../src/domain/orders/order-status.ts'
import type { SupplierOutcome } from '../../src/domain/supplier/supplier-policy.ts'
import {
  byText,
  isAskingFor,
  isOpen,
  isShortOf,
  type ModelCall,
  type ModelOrder,
  type ModelRequest,
  waitingOf,
} from './model-data.ts'
import type { StockModel } from './stock-model.ts'
import { failOrder } from './upkeep.ts'

// What suppliers are asked for, and what comes of their answers.

/** Asks the supplier of a SKU for what an order is short of. */
export function ask(model: StockModel, order: ModelOrder, sku: string): void {
  const earlier = model.request(order.id, sku)
  if (earlier && isOpen(earlier)) return
  const line = order.lines.find((line) => line.sku === sku)!
  const qty = earlier?.qty ?? waitingOf(line)
  const asked = { qty, state: 'ASKED', ref: null, attempts: 0, rechecks: 0 } as const
  const request = { orderId: order.id, sku, ...asked, step: (earlier?.step ?? 0) + 1 }
  if (earlier) Object.assign(earlier, request)
  else model.requests.push(request)
  model.enqueueCall(request, 0)
}

/** All calls are of one moment: none sees what another changed. Of two for the same call, the first in the list counts. */
export function settleCalls(model: StockModel, calls: readonly ModelCall[]): void {
  const current = model.requests.flatMap((request) => {
    const { orderId, sku, step } = request
    const call = calls.find((call) => call.orderId === orderId && call.sku === sku && call.step === step)
    return call && isOpen(request) ? [{ request, call }] : []
  })
  current.sort(({ request: one }, { request: other }) => {
    return byText(one.orderId, other.orderId) || byText(one.sku, other.sku)
  })
  for (const [orderId, ofOrder] of Map.groupBy(current, ({ request }) => request.orderId)) {
    settleOrder(model, model.find(orderId)!, ofOrder)
  }
}

function settleOrder(
  model: StockModel,
  order: ModelOrder,
  calls: readonly { request: ModelRequest; call: ModelCall }[],
): void {
  const delivered: ModelRequest[] = []
  let failure: FailureReason | null = null
  for (const { request, call } of calls) {
    const reason = settleRequest(model, request, call.outcome)
    if (request.state === 'DELIVERED') delivered.push(request)
    if (reason === null || failure !== null || !isAskingFor(order, request.sku)) continue
    failure = reason
    if (call.outcome.kind === 'transport-error') {
      const { orderId, sku, ref, attempts } = request
      const task = ref === null ? 'request-supplier' : 'check-supplier-status'
      const error = call.outcome.detail
      model.letters.push({
        orderId,
        task,
        sku,
        step: call.step,
        error,
        attempts: attempts + 1,
        retried: false,
      })
    }
  }
  const wanted = delivered.flatMap(({ sku, qty }) => {
    const line = order.lines.find((line) => line.sku === sku)!
    return failure === null && isShortOf(order, sku) && waitingOf(line) <= qty ? [line] : []
  })
  const location = order.locations?.[0] ?? 'MAIN'
  const version = wanted.length > 0 ? order.version + 1 : null
  for (const { sku, qty } of delivered) model.move('SUPPLIER_RECEIPT', { sku, location, qty }, order, version)
  if (failure !== null) failOrder(model, order, failure)
  if (wanted.length === 0) return
  for (const line of wanted) {
    model.move('RESERVATION', { sku: line.sku, location, qty: waitingOf(line) }, order, version)
    line.reserved += waitingOf(line)
  }
  model.transition(order, 'OrderReserved')
}

/** @returns why the order fails, if it waits for it; null where it does not */
function settleRequest(
  model: StockModel,
  request: ModelRequest,
  outcome: SupplierOutcome,
): FailureReason | null {
  const { recheckDelayMs, recheckFactor, recheckLimit, attemptsMax, retryBaseMs } = model.policy
  const { attempts } = request
  const rechecks = request.rechecks + 1
  request.step++
  if (outcome.kind === 'ok') {
    request.state = 'DELIVERED'
  } else if (outcome.kind === 'accepted') {
    Object.assign(request, { state: 'ACCEPTED', ref: outcome.ref, attempts: 0, rechecks: 0 })
    model.enqueueCall(request, recheckDelayMs)
  } else if (outcome.kind === 'transport-error' && attempts + 1 < attemptsMax) {
    request.attempts++
    const waitMs = Math.round(model.random * retryBaseMs * 2 ** attempts)
    model.enqueueCall(request, (outcome.retryAfterMs ?? 0) + waitMs)
  } else if (outcome.kind === 'delayed' && rechecks <= recheckLimit) {
    Object.assign(request, { attempts: 0, rechecks })
    model.enqueueCall(request, recheckDelayMs * recheckFactor ** rechecks)
  } else {
    const [state, reason] = ENDS[outcome.kind]
    request.state = state
    return reason
  }
  return null
}

/** How answers end what a supplier was asked for, after the last try. */
const ENDS = {
  refused: ['REFUSED', 'SUPPLIER_REFUSED'],
  fail: ['FAILED', 'SUPPLIER_FAILED'],
  delayed: ['DELAYED', 'SUPPLIER_DELAYED'],
  'transport-error': ['UNREACHABLE', 'SUPPLIER_UNREACHABLE'],
} as const
