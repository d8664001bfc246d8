import { v7 as uuidv7 } from 'uuid'
import { GroupCommit, type GroupObserver } from '../../database/group-commit.ts'
import { inOneStatement } from '../../database/transaction.ts'
import { customerOf } from '../../domain/authorisation.ts'
import type { Caller } from '../../domain/caller.ts'
import { CallError, type UserError } from '../../domain/errors.ts'
import { isQty, type Order, QTY_MAX, QTY_MIN } from '../../domain/orders/order.ts'
import type { Origin, RequestOrigin } from '../../domain/origin.ts'
import { isSku } from '../../domain/stock/stock.ts'
import { JOB_ATTEMPTS_MAX, type OrderRef } from '../../domain/upkeep/jobs.ts'
import { findOrderByKey } from '../../sql/orders/find-orders.ts'
import { type Insertion, insertOrders } from '../../sql/orders/insert-orders.ts'
import type { ReadContext, WriteContext } from '../context.ts'
import { refuse, refuseUnknownSku } from '../user-errors.ts'

/**
 * `customerId` is whom the caller orders for, null for nobody in particular; a customer's order is its own. `budget` is
 * what the rate limit counts it against, where that is not the caller's own; null where it was counted before, with all
 * orders of its call.
 */
export type CreateOrderRequest = RequestOrigin & {
  sku: string
  qty: number
  idempotencyKey: string | null
  customerId: string | null
  budget?: string | null
}

/** What was asked for, and the id of who asked: an idempotency key is one caller's own. */
export type RequestedOrder = CreateOrderRequest & Origin

export type CreateOrderResult = { order: Order; userErrors: [] } | { order: null; userErrors: [UserError] }

/** What `createOrder` is handed. */
export type CreateOrderContext = ReadContext & {
  groups: { createOrder: OrderIntake }
  /** How often each caller may order; undefined where any number of times. */
  orderLimiter: OrderLimiter | undefined
}

/** Where orders of many callers come together to share a transaction. */
export type OrderIntake = GroupCommit<RequestedOrder, Insertion>

/** Takes orders out of what a budget may place. @throws {RateLimitedError} when it is used up */
export type OrderLimiter = { take: (budget: string, orders?: number) => Promise<void> }

/** What `createOrders` is handed. */
export type IntakeContext = WriteContext & {
  /** Reserves what this process creates, where a worker runs in it. */
  headStart?: HeadStart | undefined
}

/** Reserves new orders in the process that created them. */
export type HeadStart = {
  isPossible: () => boolean
  /** Begins to reserve the orders of a delayed job. What fails is left to that job: this never throws. */
  run: (jobId: string, orders: readonly OrderRef[]) => Promise<void>
}

/** Orders that come in by one statement: one of each of CALLS_UNDER_WAY_MAX, so all that wait share the next commit. */
export const INTAKE_BATCH_MAX = 300
/** A commit that takes longer hangs: a lock that is held, a disk that stalls. In good order it takes 5 to 20 ms. */
const INTAKE_COMMIT_MAX_MS = 1_000
/**
 * What an order may have to wait for the commits of those before it, some five of full batches. A second line: a call
 * has one order under way, for mutations of one call run one after the other, so all that wait fit the next batch. It is
 * reached where more calls are let in than a batch holds.
 */
const INTAKE_WAIT_MAX_MS = 100
/** Orders that may wait for their commit, however fast it is: some 5 MB. A second line as well. */
const INTAKE_WAITING_MAX = 10_000
/**
 * How long a process that takes an order and is a worker has to reserve it before its job is due to any worker: a hundred
 * times what it takes. After a crash the orders under way wait for as long.
 */
const HEAD_START_MS = 2_000

/** Keys are UUIDs or the like: room for any of them, and none fills the index. */
const KEY_LENGTH_MAX = 255
/** A key is forgotten once in two days: it cannot happen twice within one call. */
const KEY_TRIES_MAX = 2
const PRINTABLE = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/

/**
 * Takes an order: once this answers, the order exists and will reach a final state.
 *
 * @returns the order as PENDING, or in its current state where the caller had sent it under this key before
 * @throws {RateLimitedError} when the caller has ordered too often: each call counts, whatever becomes of it
 * @throws {CallError} BAD_USER_INPUT for a key or a customer that cannot be one, FORBIDDEN for a customer that names another
 */
export async function createOrder(
  { pool, groups, orderLimiter }: CreateOrderContext,
  caller: Caller,
  asked: CreateOrderRequest,
): Promise<CreateOrderResult> {
  const { idempotencyKey: key, customerId, budget = caller.id } = asked
  // here and not in a transport: an order that nobody has counted counts, whatever way it came in
  if (budget !== null) await orderLimiter?.take(budget)
  const request = { ...asked, customerId: customerOf(caller, customerId), caller: caller.id }
  if (key !== null && (key.length > KEY_LENGTH_MAX || !PRINTABLE.test(key))) {
    throw new CallError(
      'BAD_USER_INPUT',
      `An idempotency key is 1 to ${KEY_LENGTH_MAX} printable ASCII characters, with no space at its ends`,
    )
  }
  if (!isQty(request.qty)) {
    return { order: null, ...refuse('INVALID_QTY', `qty must be ${QTY_MIN} to ${QTY_MAX}`, 'qty') }
  }
  if (!isSku(request.sku)) return { order: null, ...refuseUnknownSku(request.sku) }
  for (let tries = 1; tries <= KEY_TRIES_MAX; tries++) {
    const { outcome, order } = await groups.createOrder.submit(request)
    if (outcome === 'created') return { order, userErrors: [] }
    if (outcome === 'unknown-sku') return { order: null, ...refuseUnknownSku(request.sku) }
    const earlier = await findOrderByKey(pool, caller.id, key!)
    if (earlier) return repeat(request, earlier)
    // the key was forgotten for its age between the two: it is free
  }
  throw new Error('An idempotency key is taken by an order that does not exist')
}

/**
 * Makes the intake of orders: those that arrive while a commit is under way share the next one, by `createOrders`.
 *
 * @param onRefusal hears of every order that is refused since too many wait
 */
export function createOrderIntake(
  context: IntakeContext,
  { onRefusal, ...observer }: GroupObserver & { onRefusal: () => void },
): OrderIntake {
  return new GroupCommit((requests) => createOrders(context, requests), {
    batchSizeMax: INTAKE_BATCH_MAX,
    waitingMax: INTAKE_WAITING_MAX,
    waitMaxMs: INTAKE_WAIT_MAX_MS,
    commitMaxMs: INTAKE_COMMIT_MAX_MS,
    onRefusal,
    ...observer,
  })
}

/**
 * Takes orders that are well-formed, all in one transaction. Nothing that can fail follows its commit: a group commit
 * may try again what has failed.
 *
 * @returns what became of each request, in their order
 */
export async function createOrders(context: IntakeContext, requests: RequestedOrder[]): Promise<Insertion[]> {
  const orders = requests.map(({ sku, qty, idempotencyKey, customerId, caller, requestId, traceparent }) => ({
    // with no time given, ids rise even within a millisecond: orders take their turn in the order of their ids
    id: uuidv7(),
    customerId,
    sku,
    qty,
    key: idempotencyKey,
    origin: { caller, requestId, traceparent },
  }))
  const headStart = context.headStart?.isPossible() ? context.headStart : undefined
  const { insertions, jobId } = await inOneStatement(context, 'create-orders', (on) =>
    insertOrders(on, orders, {
      createdAt: context.now(),
      task: 'reserve-inventory',
      attemptsMax: JOB_ATTEMPTS_MAX,
      delayMs: headStart ? HEAD_START_MS : 0,
    }),
  )
  context.onEvents(
    insertions.flatMap(({ order }, index) => (order ? [creation(order, orders[index]!.origin)] : [])),
  )
  if (headStart && jobId !== null) {
    const created = orders.filter((_, index) => insertions[index]!.order)
    void headStart.run(
      jobId,
      created.map(({ id, origin }) => ({ orderId: id, origin })),
    )
  }
  return insertions
}

function repeat({ sku, qty, customerId }: CreateOrderRequest, earlier: Order): CreateOrderResult {
  if (earlier.sku !== sku || earlier.qty !== qty || earlier.customerId !== customerId) {
    const message = 'This idempotency key was used for an order of another SKU, quantity or customer'
    return { order: null, ...refuse('IDEMPOTENCY_KEY_REUSED', message, 'idempotencyKey') }
  }
  return { order: earlier, userErrors: [] }
}

function creation(order: Order, origin: Origin) {
  return {
    type: 'OrderCreated' as const,
    from: null,
    to: order.status,
    reason: null,
    version: order.version,
    at: order.createdAt,
    order,
    origin,
  }
}
