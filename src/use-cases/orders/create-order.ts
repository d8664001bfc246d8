import { customerOf } from '../../domain/authorisation.ts'
import type { Caller } from '../../domain/caller.ts'
import { CallError, type UserError } from '../../domain/errors.ts'
import { isQty, type Order, QTY_MAX, QTY_MIN } from '../../domain/orders/order.ts'
import type { RequestOrigin } from '../../domain/origin.ts'
import { isSku } from '../../domain/stock/stock.ts'
import { findOrderByKey } from '../../sql/orders/find-orders.ts'
import type { ReadContext } from '../context.ts'
import { refuse, refuseUnknownSku } from '../user-errors.ts'
import type { OrderIntake } from './order-intake.ts'

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

export type CreateOrderResult = { order: Order; userErrors: [] } | { order: null; userErrors: [UserError] }

/** What `createOrder` is handed. */
export type CreateOrderContext = ReadContext & {
  groups: { createOrder: OrderIntake }
  /** How often each caller may order; undefined where any number of times. */
  orderLimiter: OrderBudgets | undefined
}

/** Takes orders out of what a budget may place. @throws {RateLimitedError} when it is used up */
export type OrderBudgets = { take: (budget: string, orders?: number) => Promise<void> }

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

function repeat({ sku, qty, customerId }: CreateOrderRequest, earlier: Order): CreateOrderResult {
  if (earlier.sku !== sku || earlier.qty !== qty || earlier.customerId !== customerId) {
    const message = 'This idempotency key was used for an order of another SKU, quantity or customer'
    return { order: null, ...refuse('IDEMPOTENCY_KEY_REUSED', message, 'idempotencyKey') }
  }
  return { order: earlier, userErrors: [] }
}
