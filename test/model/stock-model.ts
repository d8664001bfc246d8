import type { FailureReason, OrderEventType } from '../../src/domain/orders/order-status.ts'
import type { MovementType } from '../../src/domain/stock/stock.ts'
import type { SupplierPolicy } from '../../src/domain/supplier/supplier-policy.ts'
import { type Allocated, allocateTo, type ModelLevel, type Piece } from './allocate.ts'
import {
  type Adjusted,
  byText,
  inputOf,
  isAskingFor,
  isCallOf,
  isHoldTime,
  isInLine,
  isOpen,
  keyOf,
  levelKey,
  type ModelAdjustment,
  type ModelFailure,
  type ModelJob,
  type ModelKey,
  type ModelLetter,
  type ModelOrder,
  type ModelRequest,
  type ModelShipment,
  type ModelWish,
  openOf,
  refuseLines,
  reserves,
  statusOf,
} from './model-data.ts'
import { ask } from './supplying.ts'

const CODE = /^[\w.-]{1,64}$/

/** All that a model knows. */
type State = Pick<
  StockModel,
  | 'items'
  | 'locations'
  | 'levels'
  | 'safety'
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
  /** What of a level is never promised, by `levelKey`. */
  safety = new Map<string, number>()
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
  readonly policy: SupplierPolicy
  readonly random: number

  /** @param random what the application's `random` gives, each time */
  constructor(policy: SupplierPolicy, random: number) {
    this.policy = policy
    this.random = random
  }

  /** Another model that knows the same, and goes its own way from here. */
  copy(): StockModel {
    return new StockModel(this.policy, this.random).become(this)
  }

  /** Knows from now on what another knows, and nothing else. */
  become(other: State): this {
    const { items, locations, levels, safety, orders, ledger, requests, shipments, jobs, keys, letters } =
      other
    const state = {
      items,
      locations,
      levels,
      safety,
      orders,
      ledger,
      requests,
      shipments,
      jobs,
      keys,
      letters,
    }
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

  /** What of a level can be promised to orders. */
  promisableAt(key: string): number {
    return Math.max(0, (this.levels.get(key)?.available ?? 0) - (this.safety.get(key) ?? 0))
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
    let results = this.#allocateTo(claims)
    // others have what its supplier has delivered for it while it had failed. What it would have taken is for the others
    for (;;) {
      const over = results.flatMap(({ order, short }): [ModelOrder, string][] => {
        const sku = short.find((sku) => this.request(order.id, sku)?.state === 'DELIVERED')
        return sku === undefined ? [] : [[order, sku]]
      })
      if (over.length === 0) break
      givenUp.push(...over)
      claims = claims.filter((order) => !over.some(([gone]) => gone === order))
      results = this.#allocateTo(claims)
    }
    for (const { order, taken, short } of results) {
      if (short.length > 0 && order.ifShort === 'FAIL') {
        this.failOrder(order, 'OUT_OF_STOCK')
        continue
      }
      this.#take(order, taken)
      this.transition(order, short.length > 0 ? 'OrderAwaitingRestock' : 'OrderReserved', {
        lookedAt: short.length > 0,
      })
      if (order.ifShort === 'ASK_SUPPLIER') for (const sku of short) ask(this, order, sku)
    }
    for (const [order, sku] of givenUp) {
      const error = `The supplier delivered ${sku} for this order while it had failed, and other orders took it`
      const letter = { task: 'reserve-inventory', sku: null, step: null, error, attempts: 1, retried: false }
      this.letters.push({ ...letter, orderId: order.id })
      this.failOrder(order, 'INTERNAL_ERROR')
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
      const { taken } = this.#allocateTo([order])[0]!
      if (taken.length === 0) continue
      this.#take(order, taken)
      this.transition(order, 'OrderReserved')
    }
  }

  #allocateTo(orders: readonly ModelOrder[]): Allocated[] {
    const promisable = [...this.levels.keys()].map((key) => [key, this.promisableAt(key)] as const)
    return allocateTo(orders, new Map(promisable), this.locations)
  }

  #take(order: ModelOrder, pieces: readonly Piece[]): void {
    for (const piece of pieces) {
      this.move('RESERVATION', piece, order, order.version + 1)
      order.lines.find(({ sku }) => sku === piece.sku)!.reserved += piece.qty
    }
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
      this.failOrder(this.find(orderId)!, 'INTERNAL_ERROR')
    }
  }

  failOrder(order: ModelOrder, reason: FailureReason): void {
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
    for (const request of unasked) this.enqueueCall(request, 0)
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

  enqueueCall({ orderId, sku, step, ref }: ModelRequest, delayMs: number): void {
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
