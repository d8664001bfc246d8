import type pg from 'pg'
import { customerOf } from '../../domain/authorisation.ts'
import type { Caller } from '../../domain/caller.ts'
import type { UserError } from '../../domain/errors.ts'
import { type IfShort, ORDER_LOCATIONS_MAX, type Order } from '../../domain/orders/order.ts'
import { refuseHoldTime, refuseLines } from '../../domain/orders/verbs/refusals.ts'
import type { RequestOrigin } from '../../domain/origin.ts'
import { isLocationCode } from '../../domain/stock/location.ts'
import { isSku } from '../../domain/stock/stock.ts'
import { findOrders } from '../../sql/orders/find-orders.ts'
import { findKeys, type KeyRecord } from '../../sql/orders/idempotency-keys.ts'
import type { Insertion, NewKey, NewOrder } from '../../sql/orders/insert-orders.ts'
import { assertKey } from '../assert-key.ts'
import type { ReadContext } from '../context.ts'
import { fingerprintOf } from '../fingerprint.ts'
import {
  assertReference,
  refuse,
  refuseClosedLocation,
  refuseReusedKey,
  refuseUnknownSku,
} from '../user-errors.ts'
import type { OrderIntake } from './order-intake.ts'
import { assertWaitMs, type Wait, type WaitContext, waitForOutcome } from './wait-for-outcome.ts'

/**
 * An order as a caller asks for it: `lines`, or `sku` and `qty` for one line. `customerId`: whom the caller orders for, null
 * for nobody in particular; a customer orders for itself. `budget`: the rate limit's counter, the caller's own by default; null
 * if the order was already counted, with all orders of its call.
 */
export type CreateOrderRequest = RequestOrigin &
  Wait & {
    sku?: string | null
    qty?: number | null
    lines?: readonly { sku: string; qty: number }[] | null
    /** Where alone it may take from; null for anywhere. */
    locations?: readonly string[] | null
    /** The shop's own number. */
    reference?: string | null
    /** What becomes of what is short; null to ask suppliers for it. */
    ifShort?: IfShort | null
    /** For how long it is a hold; null for a firm order. */
    holdSeconds?: number | null
    idempotencyKey: string | null
    customerId: string | null
    budget?: string | null
  }

export type CreateOrderResult =
  | { order: Order; userErrors: [] }
  | { order: null; userErrors: [UserError, ...UserError[]] }

export type CreateOrderContext = ReadContext &
  WaitContext & {
    groups: { createOrder: OrderIntake }
    /** Limits the orders of each caller; undefined without a limit. */
    orderLimiter: OrderBudgets | undefined
  }

/** Counts orders against a budget. @throws {RateLimitedError} if it is used up */
export type OrderBudgets = { take: (budget: string, orders?: number) => Promise<void> }

const VERB = 'createOrder'
/** A key is deleted after two days: that cannot happen twice within one call. */
const KEY_TRIES_MAX = 2

/**
 * Creates an order. Once this returns, the order is committed and will reach a final state.
 *
 * @returns the PENDING order, or the order that the caller created earlier under this key, in its current state; after the wait
 * that the caller asks for, the order as it stands then
 * @throws {RateLimitedError} if the caller has ordered too often: each call counts, whatever its result
 * @throws {CallError} BAD_USER_INPUT for a malformed key, reference, customer or wait, FORBIDDEN for a customer that names another
 */
export async function createOrder(
  context: CreateOrderContext,
  caller: Caller,
  asked: CreateOrderRequest,
): Promise<CreateOrderResult> {
  const calledAtMs = performance.now()
  const result = await placeOrder(context, caller, asked)
  if (!result.order) return result
  return { order: await waitForOutcome(context, caller, result.order, asked, calledAtMs), userErrors: [] }
}

async function placeOrder(
  { pool, groups, orderLimiter }: CreateOrderContext,
  caller: Caller,
  asked: CreateOrderRequest,
): Promise<CreateOrderResult> {
  const {
    idempotencyKey,
    reference = null,
    holdSeconds = null,
    requestId,
    traceparent,
    budget = caller.id,
  } = asked
  // here and not in a transport: an order counts, whichever API it came by
  if (budget !== null) await orderLimiter?.take(budget)
  const customerId = customerOf(caller, asked.customerId)
  assertKey(idempotencyKey)
  assertReference(reference)
  assertWaitMs(asked.waitMs ?? 0)
  const form = refuseForm(asked)
  if (form) return { order: null, ...form }
  const lines = (asked.lines ?? [{ sku: asked.sku!, qty: asked.qty! }]).map(({ sku, qty }) => ({ sku, qty }))
  const locations = asked.locations ? [...new Set(asked.locations)] : null
  const ifShort = asked.ifShort ?? 'ASK_SUPPLIER'
  const input = { customerId, reference, lines, locations, ifShort, holdSeconds }
  const refusal = refuseInput(asked, input)
  if (refusal) return { order: null, ...refusal }
  // the default is as if it were left out, as it was by versions that knew no other
  const named = { ...input, ifShort: ifShort === 'ASK_SUPPLIER' ? null : ifShort }
  const key =
    idempotencyKey === null ? null : { key: idempotencyKey, fingerprint: fingerprintOf(VERB, named) }
  const request = { ...input, ...asAskedFor(input), key, caller: caller.id, requestId, traceparent }
  for (let tries = 1; tries <= KEY_TRIES_MAX; tries++) {
    const insertion = await groups.createOrder.submit(request)
    if (insertion.outcome === 'created') return { order: insertion.order, userErrors: [] }
    // also where a location takes no more orders: what the key made stays
    const [earlier] = key ? await findKeys(pool, [{ caller: caller.id, key: key.key }]) : []
    if (earlier) return repeat(pool, key!, earlier)
    if (insertion.outcome !== 'key-taken')
      return { order: null, userErrors: unknownOf(asked, input, insertion) }
    // the key expired between the two statements: it is free
  }
  throw new Error('The idempotency key belongs to an order that does not exist')
}

type Input = Pick<NewOrder, 'lines' | 'locations' | 'holdSeconds'>
type Errors = [UserError, ...UserError[]]

/** Refuses an order that is neither of the form with lines nor of that without. */
function refuseForm({ sku, qty, lines }: CreateOrderRequest): { userErrors: Errors } | undefined {
  const isShort = typeof sku === 'string' && typeof qty === 'number'
  const isEither = lines ? (sku ?? qty ?? null) === null : isShort
  return isEither ? undefined : refuse('INVALID_LINES', 'An order has either lines, or sku and qty', 'lines')
}

/** Refuses what no order can be of, before the database is asked. */
function refuseInput(
  asked: CreateOrderRequest,
  { lines, locations, holdSeconds }: Input,
): { userErrors: Errors } | undefined {
  const invalidHold = holdSeconds === null ? undefined : refuseHoldTime(holdSeconds)
  if (invalidHold) return { userErrors: [invalidHold.refusal] }
  const invalid = refuseLines(lines)
  if (invalid) return { userErrors: [asked.lines ? invalid.refusal : withoutLine(invalid.refusal)] }
  // where there may be some among them, the database tells what else is unknown
  if (!lines.some(({ sku }) => isSku(sku)))
    return { userErrors: unknownSkus(asked, lines, [...lines.keys()]) }
  if (!locations) return undefined
  const count = asked.locations!.length
  if (count === 0 || count > ORDER_LOCATIONS_MAX) {
    const message = `locations must name 1 to ${ORDER_LOCATIONS_MAX}, not ${count}, or be left out`
    return refuse('UNKNOWN_LOCATION', message, 'locations')
  }
  if (locations.some(isLocationCode)) return undefined
  return { userErrors: unknownLocations(asked, locations, [...locations.keys()]) }
}

/**
 * What the database is asked for. What can be no SKU or code may be an error there, a zero byte for example: an empty one
 * stands for it, which nobody has.
 */
function asAskedFor({ lines, locations }: Input): Pick<Input, 'lines' | 'locations'> {
  return {
    lines: lines.map((line) => (isSku(line.sku) ? line : { ...line, sku: '' })),
    locations: locations?.map((code) => (isLocationCode(code) ? code : '')) ?? null,
  }
}

/** The path without its line, for an order in the form without lines. */
function withoutLine({ field, ...error }: UserError): UserError {
  return { ...error, field: ['input', field!.at(-1)!] }
}

function unknownOf(
  asked: CreateOrderRequest,
  { lines, locations }: Pick<Input, 'lines' | 'locations'>,
  insertion: Extract<Insertion, { indexes: unknown }>,
): Errors {
  const { outcome, indexes } = insertion
  if (outcome === 'unknown-skus') return unknownSkus(asked, lines, indexes)
  return unknownLocations(asked, locations!, indexes)
}

function unknownSkus(asked: CreateOrderRequest, lines: Input['lines'], indexes: readonly number[]): Errors {
  return indexes.map((index) => {
    const path = asked.lines ? ['lines', index, 'sku'] : ['sku']
    return refuseUnknownSku(lines[index]!.sku, ...path).userErrors[0]
  }) as Errors
}

function unknownLocations(
  asked: CreateOrderRequest,
  locations: readonly string[],
  indexes: readonly number[],
): Errors {
  return indexes.map((index) => {
    const code = locations[index]!
    return refuseClosedLocation(code, 'locations', asked.locations!.indexOf(code)).userErrors[0]
  }) as Errors
}

async function repeat(
  pool: pg.Pool,
  { fingerprint }: NewKey,
  earlier: KeyRecord,
): Promise<CreateOrderResult> {
  if (earlier.verb !== VERB || earlier.fingerprint !== fingerprint)
    return { order: null, ...refuseReusedKey() }
  const [order] = await findOrders(pool, [earlier.orderId!])
  return { order: order!, userErrors: [] }
}
