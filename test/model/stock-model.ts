import type { FailureReason, OrderStatus } from '../../src/domain/orders/order-status.ts'
import type { SupplierOutcome, SupplierPolicy } from '../../src/domain/supplier/supplier-policy.ts'

/** An order, with its whole history. */
export type ModelOrder = {
  id: string
  sku: string
  qty: number
  status: OrderStatus
  failureReason: FailureReason | null
  version: number
  ref: string | null
  step: number
  attempts: number
  rechecks: number
  events: { type: string; from: OrderStatus | null; to: OrderStatus; reason: FailureReason | null }[]
}

/** A job that waits to run. `step` is null for the task that reserves: it alone may be about several orders. */
export type ModelJob = { task: string; orderIds: string[]; step: number | null; delayMs: number }

export type ModelLetter = {
  orderId: string
  task: string
  step: number | null
  error: string
  attempts: number
  retried: boolean
}

export type ModelRequest = { sku: string; qty: number; idempotencyKey: string | null; caller: string }
export type ModelCall = { orderId: string; step: number; outcome: SupplierOutcome }
export type ModelFailure = {
  orderId: string
  task: string
  step: number | null
  error: string
  attempts: number
}
export type ModelAdjustment = { sku: string; delta: number; expectedAvailable: number | null }

/** What an adjustment comes to: the code of its refusal, or the item after it. */
export type Adjusted = { refused: string } | { available: number; reserved: number }

const EVENT_TO = {
  RESERVED: 'OrderReserved',
  AWAITING_RESTOCK: 'OrderAwaitingRestock',
  FAILED: 'OrderFailed',
  PENDING: 'OrderReopened',
}

/**
 * What Holdfast promises, in memory, one thing after the other: no transactions, no batches, no locks. It shares no code
 * with what it is compared to. Ids of orders are the application's: it says what happens to an order, not what it is called.
 */
export class StockModel {
  readonly items = new Map<string, { available: number; reserved: number }>()
  /** In the order in which the test learnt of them. Their turn is that of their ids. */
  readonly orders: ModelOrder[] = []
  readonly ledger: { sku: string; type: string; delta: number; after: number; orderId: string | null }[] = []
  /** A multiset: the same job may wait twice. Jobs of one order are oldest first. */
  readonly jobs: ModelJob[] = []
  /** Which order a caller's key stands for, by `keyOf`. */
  readonly keys = new Map<string, string>()
  readonly letters: ModelLetter[] = []
  readonly #policy: SupplierPolicy
  readonly #random: number

  /** @param random what the application's `random` gives, each time */
  constructor(policy: SupplierPolicy, random: number) {
    this.#policy = policy
    this.#random = random
  }

  addItem(sku: string, available: number): void {
    this.items.set(sku, { available: 0, reserved: 0 })
    if (available > 0) this.#move(sku, 'RECEIPT', available, null)
  }

  find(orderId: string): ModelOrder | undefined {
    return this.orders.find((order) => order.id === orderId)
  }

  /** What a request must come to: a refusal, an order that is there, or (null) a new order. */
  answerTo({ sku, qty, idempotencyKey, caller }: ModelRequest): string | ModelOrder | null {
    if (qty < 1 || qty > 1_000_000) return 'INVALID_QTY'
    if (!this.items.has(sku)) return 'UNKNOWN_SKU'
    const earlier = this.find(this.keys.get(keyOf(caller, idempotencyKey)) ?? '')
    if (!earlier) return null
    return earlier.sku === sku && earlier.qty === qty ? earlier : 'IDEMPOTENCY_KEY_REUSED'
  }

  /** Orders are created here, and get their job by `enqueueCommit`. */
  create(id: string, { sku, qty, idempotencyKey, caller }: ModelRequest): ModelOrder {
    const progress = { ref: null, step: 0, attempts: 0, rechecks: 0 }
    const created = { type: 'OrderCreated', from: null, to: 'PENDING', reason: null } as const
    const state = { status: 'PENDING', failureReason: null, version: 1 } as const
    const order: ModelOrder = { id, sku, qty, ...state, ...progress, events: [created] }
    this.orders.push(order)
    if (idempotencyKey !== null) this.keys.set(keyOf(caller, idempotencyKey), id)
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
    for (const id of [...new Set(orderIds)].sort()) {
      const order = this.find(id)
      if (order?.status !== 'PENDING') continue
      if (this.items.get(order.sku)!.available >= order.qty) {
        this.#take(order)
      } else {
        this.#transition(order, 'AWAITING_RESTOCK', null)
        Object.assign(order, { ref: null, step: order.step + 1, attempts: 0, rechecks: 0 })
        this.#enqueue(order, 0)
      }
    }
  }

  /** All calls are of one moment: none sees what another changed. Of two for the same step, the later in the list counts. */
  settle(calls: readonly ModelCall[]): void {
    const current = new Map<ModelOrder, SupplierOutcome>()
    for (const { orderId, step, outcome } of calls) {
      const order = this.find(orderId)
      if (order?.status === 'AWAITING_RESTOCK' && order.step === step) current.set(order, outcome)
    }
    for (const order of [...current.keys()].sort(byId)) this.#settleOne(order, current.get(order)!)
  }

  #settleOne(order: ModelOrder, outcome: SupplierOutcome): void {
    const { recheckDelayMs, recheckFactor, recheckLimit } = this.#policy
    const rechecks = order.rechecks + 1
    if (outcome.kind === 'refused') {
      this.#transition(order, 'FAILED', 'SUPPLIER_REFUSED')
    } else if (outcome.kind === 'fail') {
      this.#transition(order, 'FAILED', 'SUPPLIER_FAILED')
    } else if (outcome.kind === 'ok') {
      this.#move(order.sku, 'SUPPLIER_RECEIPT', order.qty, order.id)
      this.#take(order)
    } else if (outcome.kind === 'accepted') {
      this.#askAgain(order, recheckDelayMs, { ref: outcome.ref, attempts: 0, rechecks: 0 })
    } else if (outcome.kind === 'transport-error') {
      this.#tryAgain(order, outcome.detail, outcome.retryAfterMs ?? 0)
    } else if (rechecks > recheckLimit) {
      this.#transition(order, 'FAILED', 'SUPPLIER_DELAYED')
    } else {
      this.#askAgain(order, recheckDelayMs * recheckFactor ** rechecks, { attempts: 0, rechecks })
    }
  }

  #tryAgain(order: ModelOrder, error: string, retryAfterMs: number): void {
    const attempts = order.attempts + 1
    if (attempts < this.#policy.attemptsMax) {
      const waitMs = Math.round(this.#random * this.#policy.retryBaseMs * 2 ** order.attempts)
      this.#askAgain(order, retryAfterMs + waitMs, { attempts })
    } else {
      this.letters.push({ ...nextJobOf(order)!, orderId: order.id, error, attempts, retried: false })
      this.#transition(order, 'FAILED', 'SUPPLIER_UNREACHABLE')
    }
  }

  adjust({ sku, delta, expectedAvailable }: ModelAdjustment): Adjusted {
    const item = this.items.get(sku)
    if (delta === 0) return { refused: 'INVALID_QTY' }
    if (!item) return { refused: 'UNKNOWN_SKU' }
    if (expectedAvailable !== null && expectedAvailable !== item.available)
      return { refused: 'STALE_EXPECTATION' }
    if (item.available + delta < 0) return { refused: 'INSUFFICIENT_STOCK' }
    this.#move(sku, 'ADJUSTMENT', delta, null)
    return { ...item }
  }

  /** Ends the orders that wait for a job that is given up. Of several for one order, the last that it waits for counts. */
  fail(failures: readonly ModelFailure[]): void {
    const awaited = failures.filter((failure) => {
      const order = this.find(failure.orderId)
      return order && isAwaited(failure, order)
    })
    for (const [orderId, letter] of new Map(awaited.map((failure) => [failure.orderId, failure]))) {
      this.letters.push({ ...letter, retried: false })
      this.#transition(this.find(orderId)!, 'FAILED', 'INTERNAL_ERROR')
    }
  }

  /** @returns those that were retried now */
  retry(letters: readonly ModelLetter[]): ModelLetter[] {
    return [...new Set(letters)].filter((letter) => {
      const order = this.find(letter.orderId)!
      if (letter.retried || order.status !== 'FAILED') return false
      letter.retried = true
      this.#transition(order, 'PENDING', null)
      this.#enqueue(order, 0)
      return true
    })
  }

  /** @param dead jobs that have used up their attempts, with the error of the last */
  sweep(
    dead: readonly { job: ModelJob; error: string; attempts: number }[],
    oldKeys: readonly string[],
  ): { requeued: number; buried: number; keysDeleted: number } {
    const orphans = this.orders.filter(
      (order) =>
        !isFinal(order) && !this.jobs.some((job) => job.orderIds.includes(order.id) && isAwaited(job, order)),
    )
    const pending = orphans.filter(({ status }) => status === 'PENDING').sort(byId)
    this.enqueueCommit(pending.map(({ id }) => id))
    for (const order of orphans) if (order.status !== 'PENDING') this.#enqueue(order, 0)
    // of several orders one may be to blame, and nobody knows which
    const [alone, shared] = [true, false].map((isAlone) =>
      dead.filter(({ job }) => (job.orderIds.length === 1) === isAlone),
    )
    this.fail(
      alone!.map(({ job: { orderIds, task, step }, error, attempts }) => ({
        orderId: orderIds[0]!,
        task,
        step,
        error,
        attempts,
      })),
    )
    this.split(shared!.flatMap(({ job }) => job.orderIds))
    this.removeJobs(dead.map(({ job }) => job))
    const keysDeleted = oldKeys.filter((key) => this.keys.delete(key)).length
    const buried = dead.flatMap(({ job }) => job.orderIds).length
    return { requeued: orphans.length, buried, keysDeleted }
  }

  removeJobs(jobs: readonly ModelJob[]): void {
    for (const job of jobs) this.jobs.splice(this.jobs.indexOf(job), 1)
  }

  #take(order: ModelOrder): void {
    this.#move(order.sku, 'RESERVATION', -order.qty, order.id)
    this.items.get(order.sku)!.reserved += order.qty
    this.#transition(order, 'RESERVED', null)
  }

  #askAgain(order: ModelOrder, delayMs: number, progress: Partial<ModelOrder>): void {
    Object.assign(order, progress, { step: order.step + 1 })
    this.#enqueue(order, delayMs)
  }

  #transition(order: ModelOrder, to: OrderStatus, reason: FailureReason | null): void {
    order.events.push({ type: EVENT_TO[to], from: order.status, to, reason })
    Object.assign(order, { status: to, failureReason: reason, version: order.version + 1 })
  }

  #move(sku: string, type: string, delta: number, orderId: string | null): void {
    const item = this.items.get(sku)!
    item.available += delta
    this.ledger.push({ sku, type, delta, after: item.available, orderId })
  }

  #enqueue(order: ModelOrder, delayMs: number): void {
    this.jobs.push({ ...nextJobOf(order)!, orderIds: [order.id], delayMs })
  }

  #enqueueReservation(orderIds: readonly string[]): void {
    this.jobs.push({ task: 'reserve-inventory', orderIds: [...orderIds], step: null, delayMs: 0 })
  }
}

/** A caller's key, as the model and the database are compared by. */
export function keyOf(caller: string, key: string | null): string {
  return `${caller} ${key}`
}

/** Whether an order is where nothing has to follow. */
export function isFinal(order: ModelOrder): boolean {
  return order.status === 'RESERVED' || order.status === 'FAILED'
}

function nextJobOf(order: ModelOrder): { task: string; step: number | null } | null {
  if (order.status === 'PENDING') return { task: 'reserve-inventory', step: null }
  if (order.status !== 'AWAITING_RESTOCK') return null
  return { task: order.ref === null ? 'request-supplier' : 'check-supplier-status', step: order.step }
}

/** A supplier's job is known by its step: that of a step is the only one. */
function isAwaited(job: { step: number | null }, order: ModelOrder): boolean {
  const next = nextJobOf(order)
  return next !== null && next.step === job.step
}

function byId(a: ModelOrder, b: ModelOrder): number {
  return a.id < b.id ? -1 : 1
}
