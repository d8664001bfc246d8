import type { IfShort } from '../../src/domain/orders/order.ts'
import type { FailureReason, OrderEventType, OrderStatus } from '../../src/domain/orders/order-status.ts'
import type { MovementType } from '../../src/domain/stock/stock.ts'
import type { SupplierOutcome, SupplierPolicy } from '../../src/domain/supplier/supplier-policy.ts'
import type { SupplierRequestState } from '../../src/domain/supplier/supplier-request.ts'
import { allocateTo, type ModelLevel, type Piece } from './allocate.ts'
import type { Kept } from './stock-keeping.ts'

export type ModelLine = {
  sku: string
  qty: number
  reserved: number
  shipped: number
  cancelled: number
  returned: number
}

/** An order, with its whole history. */
export type ModelOrder = {
  id: string
  locations: string[] | null
  ifShort: IfShort
  /** Null for a firm order. One that ended keeps what it was. */
  hold: 'running' | 'past' | null
  lines: ModelLine[]
  status: OrderStatus
  failureReason: FailureReason | null
  lookedAt: boolean
  ending: 'CANCELLED' | 'EXPIRED' | 'FAILED' | null
  version: number
  /** What each line lost when the order failed the last time. */
  gaveUp: { sku: string; qty: number }[]
  events: { type: string; from: OrderStatus | null; to: OrderStatus; reason: FailureReason | null }[]
}

export type ModelRequest = {
  orderId: string
  sku: string
  qty: number
  state: SupplierRequestState
  ref: string | null
  step: number
  attempts: number
  rechecks: number
}

/** The only one that a version of an order made at a location. */
export type ModelShipment = {
  orderId: string
  version: number
  location: string
  lines: { sku: string; qty: number }[]
  isUndone: boolean
}

/** A job that waits to run. `step` and `sku` are null for the task that reserves: it alone may be about several orders. */
export type ModelJob = {
  task: string
  orderIds: string[]
  sku: string | null
  step: number | null
  delayMs: number
}

export type ModelFailure = {
  orderId: string
  task: string
  sku: string | null
  step: number | null
  error: string
  attempts: number
}
export type ModelLetter = ModelFailure & { retried: boolean }

export type ModelWish = {
  lines: { sku: string; qty: number }[]
  locations: string[] | null
  ifShort: IfShort
  holdSeconds: number | null
  idempotencyKey: string | null
  caller: string
}
export type ModelCall = { orderId: string; sku: string; step: number; outcome: SupplierOutcome }
export type ModelAdjustment = {
  sku: string
  location: string
  delta: number
  expectedAvailable: number | null
}

/** What a key stands for: the call that took it, and what that made. */
export type ModelKey = {
  verb: string
  input: string
  /** Null for a change of stock, which has `made` instead. */
  orderId: string | null
  shipments: ModelShipment[]
  made?: Kept
}

/** What an adjustment comes to: the code of its refusal, or the item after it, over all locations. */
export type Adjusted = { refused: string } | { available: number; reserved: number }

const CODE = /^[\w.-]{1,64}$/

/** All that a model knows. */
type State = Pick<
  StockModel,
  | 'items'
  | 'locations'
  | 'levels'
  | 'orders'
  | 'ledger'
  | 'requests'
  | 'shipments'
  | 'jobs'
  | 'keys'
  | 'letters'
>

/**
 * What Holdfast promises, in memory, one thing after the other: no transactions, no batches, no locks. It shares no code
 * with what it is compared to. Ids of orders are the application's: it says what happens to an order, not what it is called.
 */
export class StockModel {
  items: string[] = []
  locations = new Map([['MAIN', { priority: 100, isActive: true }]])
  /** By `levelKey`. One that was never moved is not there. */
  levels = new Map<string, ModelLevel>()
  /** In the order in which the test learnt of them. Their turn is that of their ids. */
  orders: ModelOrder[] = []
  ledger: (Piece & {
    type: string
    delta: number
    reservedDelta: number
    availableAfter: number
    reservedAfter: number
    orderId: string | null
    version: number | null
  })[] = []
  requests: ModelRequest[] = []
  /** Oldest first. */
  shipments: ModelShipment[] = []
  /** A multiset: the same job may wait twice. Jobs of one order are oldest first. */
  jobs: ModelJob[] = []
  /** What a caller's key stands for, by `keyOf`. */
  keys = new Map<string, ModelKey>()
  letters: ModelLetter[] = []
  readonly #policy: SupplierPolicy
  readonly #random: number

  /** @param random what the application's `random` gives, each time */
  constructor(policy: SupplierPolicy, random: number) {
    this.#policy = policy
    this.#random = random
  }

  /** Another model that knows the same, and goes its own way from here. */
  copy(): StockModel {
    return new StockModel(this.#policy, this.#random).become(this)
  }

  /** Knows from now on what another knows, and nothing else. */
  become(other: State): this {
    const { items, locations, levels, orders, ledger, requests, shipments, jobs, keys, letters } = other
    const state = { items, locations, levels, orders, ledger, requests, shipments, jobs, keys, letters }
    return Object.assign(this, structuredClone(state))
  }

  addItem(sku: string, available: number): void {
    this.items.push(sku)
    if (available > 0) this.move('RECEIPT', { sku, location: 'MAIN', qty: available })
  }

  saveLocation(code: string, priority: number, isActive: boolean): string | null {
    if (code === 'MAIN' && !isActive) return 'LOCATION_IN_USE'
    this.locations.set(code, { priority, isActive })
    return null
  }

  find(orderId: string): ModelOrder | undefined {
    return this.orders.find((order) => order.id === orderId)
  }

  request(orderId: string, sku: string): ModelRequest | undefined {
    return this.requests.find((request) => request.orderId === orderId && request.sku === sku)
  }

  level(sku: string, location: string): ModelLevel {
    return this.levels.get(levelKey(sku, location)) ?? { available: 0, reserved: 0 }
  }

  /** Where an order holds what it has reserved. */
  heldBy(order: ModelOrder, sku: string): Piece[] {
    const held = new Map<string, number>()
    for (const { orderId, location, sku: moved, reservedDelta } of this.ledger) {
      if (orderId !== order.id || moved !== sku) continue
      held.set(location, (held.get(location) ?? 0) + reservedDelta)
    }
    return [...held].map(([location, qty]) => ({ sku, location, qty })).filter(({ qty }) => qty > 0)
  }

  /** What a request for an order must come to: a refusal, an order that is there, or (null) a new order. */
  answerTo(wish: ModelWish): string | ModelOrder | null {
    const { lines, locations, holdSeconds, idempotencyKey, caller } = wish
    if (holdSeconds !== null && !isHoldTime(holdSeconds)) return 'INVALID_HOLD'
    const malformed = refuseLines(lines, ({ sku }) => sku)
    if (malformed) return malformed
    // what the database has to be asked for is found behind the key
    if (!lines.some(({ sku }) => CODE.test(sku))) return 'UNKNOWN_SKU'
    if (locations && !locations.some((code) => CODE.test(code))) return 'UNKNOWN_LOCATION'
    const earlier = this.keys.get(keyOf(caller, idempotencyKey))
    if (earlier) {
      const isSame = earlier.verb === 'createOrder' && earlier.input === inputOf(wish)
      return isSame ? this.find(earlier.orderId!)! : 'IDEMPOTENCY_KEY_REUSED'
    }
    if (!lines.every(({ sku }) => this.items.includes(sku))) return 'UNKNOWN_SKU'
    const isOpen = (code: string) => this.locations.get(code)?.isActive
    return locations && !locations.every(isOpen) ? 'UNKNOWN_LOCATION' : null
  }

  /** Orders are created here, and get their job by `enqueueCommit`. */
  create(id: string, wish: ModelWish): ModelOrder {
    const { lines, locations, ifShort, holdSeconds, idempotencyKey, caller } = wish
    const order: ModelOrder = {
      id,
      locations: locations && [...new Set(locations)],
      ifShort,
      hold: holdSeconds === null ? null : 'running',
      lines: lines.map(({ sku, qty }) => ({ sku, qty, reserved: 0, shipped: 0, cancelled: 0, returned: 0 })),
      status: 'PENDING',
      failureReason: null,
      lookedAt: false,
      ending: null,
      version: 1,
      gaveUp: [],
      events: [{ type: 'OrderCreated', from: null, to: 'PENDING', reason: null }],
    }
    this.orders.push(order)
    if (idempotencyKey !== null) {
      const input = inputOf(wish)
      this.keys.set(keyOf(caller, idempotencyKey), { verb: 'createOrder', input, orderId: id, shipments: [] })
    }
    return order
  }

  /** One job for all orders that a commit has created. */
  enqueueCommit(orderIds: readonly string[]): void {
    if (orderIds.length > 0) this.#enqueueReservation(orderIds)
  }

  /** A job of several orders gives way to one of each: all are as before, and none is to blame for another. */
  split(orderIds: readonly string[]): void {
    for (const orderId of orderIds) this.#enqueueReservation([orderId])
  }

  reserve(orderIds: readonly string[]): void {
    let claims = [...new Set(orderIds)].sort().flatMap((id) => this.find(id) ?? [])
    claims = claims.filter(({ status }) => status === 'PENDING')
    const givenUp: [ModelOrder, string][] = []
    let results = allocateTo(claims, this.levels, this.locations)
    // others have what its supplier has delivered for it while it had failed. What it would have taken is for the others
    for (;;) {
      const over = results.flatMap(({ order, short }): [ModelOrder, string][] => {
        const sku = short.find((sku) => this.request(order.id, sku)?.state === 'DELIVERED')
        return sku === undefined ? [] : [[order, sku]]
      })
      if (over.length === 0) break
      givenUp.push(...over)
      claims = claims.filter((order) => !over.some(([gone]) => gone === order))
      results = allocateTo(claims, this.levels, this.locations)
    }
    for (const { order, taken, short } of results) {
      if (short.length > 0 && order.ifShort === 'FAIL') {
        this.#fail(order, 'OUT_OF_STOCK')
        continue
      }
      this.#take(order, taken)
      this.transition(order, short.length > 0 ? 'OrderAwaitingRestock' : 'OrderReserved', {
        lookedAt: short.length > 0,
      })
      if (order.ifShort === 'ASK_SUPPLIER') for (const sku of short) this.#ask(order, sku)
    }
    for (const [order, sku] of givenUp) {
      const error = `The supplier delivered ${sku} for this order while it had failed, and other orders took it`
      const letter = { task: 'reserve-inventory', sku: null, step: null, error, attempts: 1, retried: false }
      this.letters.push({ ...letter, orderId: order.id })
      this.#fail(order, 'INTERNAL_ERROR')
    }
  }

  /**
   * Gives those who wait what is there for them, in the order of their creation. Who does not fit is passed over.
   *
   * @param late new orders that take their turn among them
   */
  serve(late: readonly ModelOrder[] = []): void {
    const waiting = this.orders.filter(isInLine)
    for (const order of [...waiting, ...late].sort((one, other) => byText(one.id, other.id))) {
      if (order.status === 'PENDING') {
        this.reserve([order.id])
        continue
      }
      const { taken } = allocateTo([order], this.levels, this.locations)[0]!
      if (taken.length === 0) continue
      this.#take(order, taken)
      this.transition(order, 'OrderReserved')
    }
  }

  #take(order: ModelOrder, pieces: readonly Piece[]): void {
    for (const piece of pieces) {
      this.move('RESERVATION', piece, order, order.version + 1)
      order.lines.find(({ sku }) => sku === piece.sku)!.reserved += piece.qty
    }
  }

  #ask(order: ModelOrder, sku: string): void {
    const earlier = this.request(order.id, sku)
    if (earlier && isOpen(earlier)) return
    const line = order.lines.find((line) => line.sku === sku)!
    const qty = earlier?.qty ?? waitingOf(line)
    const asked = { qty, state: 'ASKED', ref: null, attempts: 0, rechecks: 0 } as const
    const request = { orderId: order.id, sku, ...asked, step: (earlier?.step ?? 0) + 1 }
    if (earlier) Object.assign(earlier, request)
    else this.requests.push(request)
    this.#enqueueCall(request, 0)
  }

  /** All calls are of one moment: none sees what another changed. Of two for the same call, the first in the list counts. */
  settle(calls: readonly ModelCall[]): void {
    const current = this.requests.flatMap((request) => {
      const { orderId, sku, step } = request
      const call = calls.find((call) => call.orderId === orderId && call.sku === sku && call.step === step)
      return call && isOpen(request) ? [{ request, call }] : []
    })
    current.sort(({ request: one }, { request: other }) => {
      return byText(one.orderId, other.orderId) || byText(one.sku, other.sku)
    })
    for (const [orderId, ofOrder] of Map.groupBy(current, ({ request }) => request.orderId)) {
      this.#settleOrder(this.find(orderId)!, ofOrder)
    }
  }

  #settleOrder(order: ModelOrder, calls: readonly { request: ModelRequest; call: ModelCall }[]): void {
    const delivered: ModelRequest[] = []
    let failure: FailureReason | null = null
    for (const { request, call } of calls) {
      const reason = this.#settleRequest(request, call.outcome)
      if (request.state === 'DELIVERED') delivered.push(request)
      if (reason === null || failure !== null || !isAskingFor(order, request.sku)) continue
      failure = reason
      if (call.outcome.kind === 'transport-error') {
        const { orderId, sku, ref, attempts } = request
        const task = ref === null ? 'request-supplier' : 'check-supplier-status'
        const error = call.outcome.detail
        this.letters.push({
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
    for (const { sku, qty } of delivered)
      this.move('SUPPLIER_RECEIPT', { sku, location, qty }, order, version)
    if (failure !== null) this.#fail(order, failure)
    if (wanted.length === 0) return
    for (const line of wanted) {
      this.move('RESERVATION', { sku: line.sku, location, qty: waitingOf(line) }, order, version)
      line.reserved += waitingOf(line)
    }
    this.transition(order, 'OrderReserved')
  }

  /** @returns why the order fails, if it waits for it; null where it does not */
  #settleRequest(request: ModelRequest, outcome: SupplierOutcome): FailureReason | null {
    const { recheckDelayMs, recheckFactor, recheckLimit, attemptsMax, retryBaseMs } = this.#policy
    const { attempts } = request
    const rechecks = request.rechecks + 1
    request.step++
    if (outcome.kind === 'ok') {
      request.state = 'DELIVERED'
    } else if (outcome.kind === 'accepted') {
      Object.assign(request, { state: 'ACCEPTED', ref: outcome.ref, attempts: 0, rechecks: 0 })
      this.#enqueueCall(request, recheckDelayMs)
    } else if (outcome.kind === 'transport-error' && attempts + 1 < attemptsMax) {
      request.attempts++
      const waitMs = Math.round(this.#random * retryBaseMs * 2 ** attempts)
      this.#enqueueCall(request, (outcome.retryAfterMs ?? 0) + waitMs)
    } else if (outcome.kind === 'delayed' && rechecks <= recheckLimit) {
      Object.assign(request, { attempts: 0, rechecks })
      this.#enqueueCall(request, recheckDelayMs * recheckFactor ** rechecks)
    } else {
      const [state, reason] = ENDS[outcome.kind]
      request.state = state
      return reason
    }
    return null
  }

  adjust({ sku, location, delta, expectedAvailable }: ModelAdjustment): Adjusted {
    if (delta === 0) return { refused: 'INVALID_QTY' }
    if (!this.items.includes(sku)) return { refused: 'UNKNOWN_SKU' }
    if (!this.locations.has(location)) return { refused: 'UNKNOWN_LOCATION' }
    const { available } = this.level(sku, location)
    if (expectedAvailable !== null && expectedAvailable !== available) return { refused: 'STALE_EXPECTATION' }
    if (available + delta < 0) return { refused: 'INSUFFICIENT_STOCK' }
    this.move('ADJUSTMENT', { sku, location, qty: delta })
    const levels = [...this.locations.keys()].map((code) => this.level(sku, code))
    return {
      available: levels.reduce((sum, level) => sum + level.available, 0),
      reserved: levels.reduce((sum, level) => sum + level.reserved, 0),
    }
  }

  /** Ends requests whose job is given up, and the orders that wait for such a job. Of several letters for one order, the last counts. */
  fail(failures: readonly ModelFailure[]): void {
    const over = this.requests.filter((request) => failures.some((failure) => isCallOf(failure, request)))
    const last = new Map<string, ModelFailure>()
    for (const failure of failures) {
      const order = this.find(failure.orderId)
      if (!order) continue
      const isReservation = failure.step === null && order.status === 'PENDING'
      const isCall = over.some((request) => isCallOf(failure, request) && isAskingFor(order, request.sku))
      if (isReservation || isCall) last.set(order.id, failure)
    }
    for (const request of over) Object.assign(request, { state: 'UNREACHABLE', step: request.step + 1 })
    for (const [orderId, letter] of [...last].sort(([one], [other]) => byText(one, other))) {
      this.letters.push({ ...letter, retried: false })
      this.#fail(this.find(orderId)!, 'INTERNAL_ERROR')
    }
  }

  #fail(order: ModelOrder, reason: FailureReason): void {
    order.gaveUp = order.lines.map((line) => ({ sku: line.sku, qty: openOf(line) }))
    this.#release(order)
    this.transition(order, 'OrderFailed', { ending: 'FAILED', failureReason: reason })
  }

  #release(order: ModelOrder): void {
    for (const { sku } of order.lines)
      for (const piece of this.heldBy(order, sku)) this.move('RELEASE', piece, order, order.version + 1)
    for (const line of order.lines) {
      line.cancelled += openOf(line)
      line.reserved = 0
    }
  }

  /** Ends open holds that are past. @returns how many */
  expire(): number {
    const past = this.orders.filter(({ hold, ending }) => hold === 'past' && ending === null)
    for (const order of past.sort((one, other) => byText(one.id, other.id))) {
      this.#release(order)
      this.transition(order, 'OrderExpired', { ending: 'EXPIRED' })
    }
    return past.length
  }

  /** @returns those that were closed now */
  retry(letters: readonly ModelLetter[]): ModelLetter[] {
    return [...new Set(letters)].filter((letter) => {
      const order = this.find(letter.orderId)!
      if (letter.retried) return false
      letter.retried = true
      if (order.status !== 'FAILED' || order.hold === 'past') return true
      for (const { sku, qty } of order.gaveUp) order.lines.find((line) => line.sku === sku)!.cancelled -= qty
      this.transition(order, 'OrderReopened', { lookedAt: false })
      this.#enqueueReservation([order.id])
      return true
    })
  }

  /** @param dead jobs that have used up their attempts, with the error of the last */
  sweep(
    dead: readonly { job: ModelJob; error: string; attempts: number }[],
    oldKeys: readonly string[],
  ): { requeued: number; buried: number; keysDeleted: number } {
    const pending = this.orders
      .filter(({ id, status }) => status === 'PENDING' && !this.jobs.some((job) => reserves(job, id)))
      .map(({ id }) => id)
    const unasked = this.requests.filter(
      (request) =>
        isOpen(request) && !this.jobs.some((job) => isCallOf({ ...job, orderId: job.orderIds[0]! }, request)),
    )
    this.enqueueCommit(pending.sort())
    for (const request of unasked) this.#enqueueCall(request, 0)
    // of several orders one may be to blame, and nobody knows which
    const [alone, shared] = [true, false].map((isAlone) =>
      dead.filter(({ job }) => (job.orderIds.length === 1) === isAlone),
    )
    this.fail(
      alone!.map(({ job: { orderIds, task, sku, step }, error, attempts }) => {
        return { orderId: orderIds[0]!, task, sku, step, error, attempts }
      }),
    )
    this.split(shared!.flatMap(({ job }) => job.orderIds))
    this.removeJobs(dead.map(({ job }) => job))
    const keysDeleted = oldKeys.filter((key) => this.keys.delete(key)).length
    const buried = dead.flatMap(({ job }) => job.orderIds).length
    return { requeued: pending.length + unasked.length, buried, keysDeleted }
  }

  removeJobs(jobs: readonly ModelJob[]): void {
    for (const job of jobs) this.jobs.splice(this.jobs.indexOf(job), 1)
  }

  /** What an order becomes, after its lines have changed: its status follows from them. */
  transition(
    order: ModelOrder,
    type: OrderEventType,
    { lookedAt = order.lookedAt, ending = null, failureReason = null }: Partial<ModelOrder> = {},
  ): void {
    const from = order.status
    Object.assign(order, { lookedAt, failureReason, version: order.version + 1 })
    order.status = statusOf(order, ending)
    order.ending = order.status === ending ? ending : null
    order.events.push({ type, from, to: order.status, reason: failureReason })
  }

  /** Changes a level by a movement. `version`: the one of the order that it is for, if it makes one. */
  move(
    type: MovementType,
    { sku, location, qty }: Piece,
    order?: ModelOrder,
    version: number | null = null,
  ): void {
    const [delta, reservedDelta] = MOVES[type].map((sign) => sign * qty || 0) as [number, number]
    const { available, reserved } = this.level(sku, location)
    const after = { available: available + delta, reserved: reserved + reservedDelta }
    this.levels.set(levelKey(sku, location), after)
    this.ledger.push({
      sku,
      location,
      qty,
      type,
      delta,
      reservedDelta,
      availableAfter: after.available,
      reservedAfter: after.reserved,
      orderId: order?.id ?? null,
      version,
    })
  }

  #enqueueCall({ orderId, sku, step, ref }: ModelRequest, delayMs: number): void {
    const task = ref === null ? 'request-supplier' : 'check-supplier-status'
    this.jobs.push({ task, orderIds: [orderId], sku, step, delayMs })
  }

  #enqueueReservation(orderIds: readonly string[]): void {
    const task = 'reserve-inventory'
    this.jobs.push({ task, orderIds: [...orderIds], sku: null, step: null, delayMs: 0 })
  }
}

/** What a movement of one piece adds to what is available, and to what is reserved. */
const MOVES: Record<MovementType, [available: number, reserved: number]> = {
  RECEIPT: [1, 0],
  SUPPLIER_RECEIPT: [1, 0],
  ADJUSTMENT: [1, 0],
  RETURN: [1, 0],
  RESERVATION: [-1, 1],
  RELEASE: [1, -1],
  SHIPMENT: [0, -1],
  SHIPMENT_UNDONE: [0, 1],
  TRANSFER_OUT: [-1, 0],
  TRANSFER_IN: [1, 0],
  COUNT: [1, 0],
}

/** How answers end what a supplier was asked for, after the last try. */
const ENDS = {
  refused: ['REFUSED', 'SUPPLIER_REFUSED'],
  fail: ['FAILED', 'SUPPLIER_FAILED'],
  delayed: ['DELAYED', 'SUPPLIER_DELAYED'],
  'transport-error': ['UNREACHABLE', 'SUPPLIER_UNREACHABLE'],
} as const

function levelKey(sku: string, location: string): string {
  return `${sku} ${location}`
}

/** A caller's key, as the model and the database are compared by. */
export function keyOf(caller: string, key: string | null): string {
  return `${caller} ${key}`
}

/** What tells an order from another under the same key. */
function inputOf({ lines, locations, ifShort, holdSeconds }: ModelWish): string {
  return JSON.stringify([lines, locations && [...new Set(locations)], ifShort, holdSeconds])
}

/** Whether an order may be held for so long: 31 days at the most. */
export function isHoldTime(seconds: number): boolean {
  return seconds >= 1 && seconds <= 2_678_400
}

/** Why no call may have such lines. */
export function refuseLines<Line extends { sku: string; qty: number }>(
  lines: readonly Line[],
  nameOf: (line: Line) => string,
): string | null {
  if (lines.length < 1 || lines.length > 100) return 'INVALID_LINES'
  for (const [index, line] of lines.entries()) {
    if (line.qty < 1 || line.qty > 1_000_000) return 'INVALID_QTY'
    if (lines.slice(0, index).some((earlier) => nameOf(earlier) === nameOf(line))) return 'DUPLICATE_SKU'
  }
  return null
}

export function openOf({ qty, shipped, cancelled }: ModelLine): number {
  return qty - shipped - cancelled
}

export function waitingOf(line: ModelLine): number {
  return openOf(line) - line.reserved
}

/** Whether an order is where no job has to follow. */
export function isFinal({ status }: ModelOrder): boolean {
  return status !== 'PENDING' && status !== 'AWAITING_RESTOCK'
}

/** Whether the supplier has yet to say its last word. */
export function isOpen({ state }: ModelRequest): boolean {
  return state === 'ASKED' || state === 'ACCEPTED'
}

function statusOf({ lines, lookedAt }: ModelOrder, ending: ModelOrder['ending']): OrderStatus {
  const hasShipped = lines.some(({ shipped }) => shipped > 0)
  if (lines.every((line) => openOf(line) === 0)) return hasShipped ? 'SHIPPED' : ending!
  if (hasShipped) return 'PARTIALLY_SHIPPED'
  if (lines.every((line) => waitingOf(line) === 0)) return 'RESERVED'
  return lookedAt ? 'AWAITING_RESTOCK' : 'PENDING'
}

/** Whether an order was found short of a SKU, and still is. */
export function isShortOf(order: ModelOrder, sku: string): boolean {
  return isInLine(order) && order.lines.some((line) => line.sku === sku && waitingOf(line) > 0)
}

/** Whether an order waits in line: also with what was promised no more of one that was shipped in part. */
export function isInLine({ status, lines }: ModelOrder): boolean {
  const isLooked = status === 'AWAITING_RESTOCK' || status === 'PARTIALLY_SHIPPED'
  return isLooked && lines.some((line) => waitingOf(line) > 0)
}

/** Whether an order fails if its supplier does not deliver: not once it waits for any stock. */
function isAskingFor(order: ModelOrder, sku: string): boolean {
  return order.status === 'AWAITING_RESTOCK' && order.ifShort === 'ASK_SUPPLIER' && isShortOf(order, sku)
}

function reserves({ orderIds, step }: ModelJob, orderId: string): boolean {
  return step === null && orderIds.includes(orderId)
}

/** Whether it is the call that a request waits for: that of a step is the only one. */
function isCallOf(
  { orderId, sku, step }: { orderId: string; sku: string | null; step: number | null },
  request: ModelRequest,
): boolean {
  return isOpen(request) && request.orderId === orderId && request.sku === sku && request.step === step
}

export function byText(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0
}
