import { inputOf, isHoldTime, keyOf, type ModelOrder, type ModelWish, refuseLines } from './model-data.ts'
import type { StockModel } from './stock-model.ts'

// What requests for orders come to.

const CODE = /^[\w.-]{1,64}$/

/** What a request for an order must come to: a refusal, an order that is there, or (null) a new order. */
export function answerTo(model: StockModel, wish: ModelWish): string | ModelOrder | null {
  const { lines, locations, holdSeconds, idempotencyKey, caller } = wish
  if (holdSeconds !== null && !isHoldTime(holdSeconds)) return 'INVALID_HOLD'
  const malformed = refuseLines(lines, ({ sku }) => sku)
  if (malformed) return malformed
  // what the database has to be asked for is found behind the key
  if (!lines.some(({ sku }) => CODE.test(sku))) return 'UNKNOWN_SKU'
  if (locations && !locations.some((code) => CODE.test(code))) return 'UNKNOWN_LOCATION'
  const earlier = model.keys.get(keyOf(caller, idempotencyKey))
  if (earlier) {
    const isSame = earlier.verb === 'createOrder' && earlier.input === inputOf(wish)
    return isSame ? model.find(earlier.orderId!)! : 'IDEMPOTENCY_KEY_REUSED'
  }
  if (!lines.every(({ sku }) => model.items.includes(sku))) return 'UNKNOWN_SKU'
  const isOpen = (code: string) => model.locations.get(code)?.isActive
  return locations && !locations.every(isOpen) ? 'UNKNOWN_LOCATION' : null
}

/** Orders are created here, and get their job by `enqueueCommit`. */
export function placeOrder(model: StockModel, id: string, wish: ModelWish): ModelOrder {
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
  model.orders.push(order)
  if (idempotencyKey !== null) {
    const input = inputOf(wish)
    model.keys.set(keyOf(caller, idempotencyKey), { verb: 'createOrder', input, orderId: id, shipments: [] })
  }
  return order
}
