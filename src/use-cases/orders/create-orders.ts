import { v7 as uuidv7 } from 'uuid'
import type { App } from '../../app.ts'
import { inOneStatement } from '../../database/transaction.ts'
import { customerOf } from '../../domain/authorisation.ts'
import type { Caller } from '../../domain/caller.ts'
import { CallError, type UserError } from '../../domain/errors.ts'
import { isQty, type Order, QTY_MAX, QTY_MIN } from '../../domain/orders/order.ts'
import type { Origin, RequestOrigin } from '../../domain/origin.ts'
import { isSku } from '../../domain/stock/stock.ts'
import { JOB_ATTEMPTS_MAX } from '../../domain/upkeep/jobs.ts'
import { HEAD_START_MS } from '../../limits.ts'
import { findOrderByKey } from '../../sql/orders/find-orders.ts'
import { type Insertion, insertOrders } from '../../sql/orders/insert-orders.ts'

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
  app: App,
  caller: Caller,
  asked: CreateOrderRequest,
): Promise<CreateOrderResult> {
  const { idempotencyKey: key, customerId, budget = caller.id } = asked
  // here and not in a transport: an order that nobody has counted counts, whatever way it came in
  if (budget !== null) await app.orderLimiter?.take(budget)
  const request = { ...asked, customerId: customerOf(caller, customerId), caller: caller.id }
  if (key !== null && (key.length > KEY_LENGTH_MAX || !PRINTABLE.test(key))) {
    throw new CallError(
      'BAD_USER_INPUT',
      `An idempotency key is 1 to ${KEY_LENGTH_MAX} printable ASCII characters, with no space at its ends`,
    )
  }
  if (!isQty(request.qty)) return refuse('INVALID_QTY', `qty must be ${QTY_MIN} to ${QTY_MAX}`, 'qty')
  // what cannot be a SKU never reaches the database: a zero byte there is an error, not an unknown SKU
  if (!isSku(request.sku)) return unknownSku(request.sku)
  for (let tries = 1; tries <= KEY_TRIES_MAX; tries++) {
    const { outcome, order } = await app.groups.createOrder.submit(request)
    if (outcome === 'created') return { order, userErrors: [] }
    if (outcome === 'unknown-sku') return unknownSku(request.sku)
    const earlier = await findOrderByKey(app.pool, caller.id, key!)
    if (earlier) return repeat(request, earlier)
    // the key was forgotten for its age between the two: it is free
  }
  throw new Error('An idempotency key is taken by an order that does not exist')
}

/**
 * Takes orders that are well-formed, all in one transaction. Nothing that can fail follows its commit: a group commit
 * may try again what has failed.
 *
 * @returns what became of each request, in their order
 */
export async function createOrders(app: App, requests: RequestedOrder[]): Promise<Insertion[]> {
  const orders = requests.map(({ sku, qty, idempotencyKey, customerId, caller, requestId, traceparent }) => ({
    // with no time given, ids rise even within a millisecond: orders take their turn in the order of their ids
    id: uuidv7(),
    customerId,
    sku,
    qty,
    key: idempotencyKey,
    origin: { caller, requestId, traceparent },
  }))
  const headStart = app.headStart?.isPossible() ? app.headStart : undefined
  const { insertions, jobId } = await inOneStatement(app, 'create-orders', (on) =>
    insertOrders(on, orders, {
      createdAt: app.now(),
      task: 'reserve-inventory',
      attemptsMax: JOB_ATTEMPTS_MAX,
      delayMs: headStart ? HEAD_START_MS : 0,
    }),
  )
  app.onEvents(
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
    return refuse('IDEMPOTENCY_KEY_REUSED', message, 'idempotencyKey')
  }
  return { order: earlier, userErrors: [] }
}

function unknownSku(sku: string): CreateOrderResult {
  return refuse('UNKNOWN_SKU', `There is no item with the SKU ${JSON.stringify(sku.slice(0, 64))}`, 'sku')
}

function refuse(code: UserError['code'], message: string, field: string): CreateOrderResult {
  return { order: null, userErrors: [{ code, message, field: ['input', field] }] }
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
