import { customerOf } from '../../domain/authorisation.ts'
import type { Caller } from '../../domain/caller.ts'
import { CallError, type UserError } from '../../domain/errors.ts'
import { isQty, type Order, QTY_MAX, QTY_MIN } from '../../domain/orders/order.ts'
import { isSku } from '../../domain/stock/stock.ts'
import { findOrderByKey } from '../../sql/orders/find-orders.ts'
import type { ReadContext } from '../context.ts'
import { refuse, refuseUnknownSku } from '../user-errors.ts'
import type { OrderIntake, RequestedOrder } from './order-intake.ts'

/**
 * An order as a caller asks for it. `customerId`: whom the caller orders for, null for nobody in particular; a customer orders
 * for itself. `budget`: the rate limit's counter, the caller's own by default; null if the order was already counted, with
 * all orders of its call.
 */
export type CreateOrderRequest = Omit<RequestedOrder, 'caller'> & { budget?: string | null }

export type CreateOrderResult = { order: Order; userErrors: [] } | { order: null; userErrors: [UserError] }

export type CreateOrderContext = ReadContext & {
  groups: { createOrder: OrderIntake }
  /** Limits the orders of each caller; undefined without a limit. */
  orderLimiter: OrderBudgets | undefined
}

/** Counts orders against a budget. @throws {RateLimitedError} if it is used up */
export type OrderBudgets = { take: (budget: string, orders?: number) => Promise<void> }

/** Keys are UUIDs or the like: any of them fits, and none bloats the index. */
const KEY_LENGTH_MAX = 255
/** A key is deleted after two days: that cannot happen twice within one call. */
const KEY_TRIES_MAX = 2
const PRINTABLE = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/

/**
 * Creates an order. Once this returns, the order is committed and will reach a final state.
 *
 * @returns the PENDING order, or the order that the caller created earlier under this key, in its current state
 * @throws {RateLimitedError} if the caller has ordered too often: each call counts, whatever its result
 * @throws {CallError} BAD_USER_INPUT for a malformed key or customer, FORBIDDEN for a customer that names another
 */
export async function createOrder(
  { pool, groups, orderLimiter }: CreateOrderContext,
  caller: Caller,
  asked: CreateOrderRequest,
): Promise<CreateOrderResult> {
  const { idempotencyKey: key, customerId, budget = caller.id } = asked
  // here and not in a transport: an order counts, whichever API it came by
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
    const [earlier] = await findOrderByKey(pool, caller.id, key!)
    if (earlier) return repeat(request, earlier)
    // the key expired between the two statements: it is free
  }
  throw new Error('The idempotency key belongs to an order that does not exist')
}

function repeat({ sku, qty, customerId }: CreateOrderRequest, earlier: Order): CreateOrderResult {
  if (earlier.sku !== sku || earlier.qty !== qty || earlier.customerId !== customerId) {
    const message = 'This idempotency key was used for an order of another SKU, quantity or customer'
    return { order: null, ...refuse('IDEMPOTENCY_KEY_REUSED', message, 'idempotencyKey') }
  }
  return { order: earlier, userErrors: [] }
}
