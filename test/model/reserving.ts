import { type Allocated, allocateTo, type Piece } from './allocate.ts'
import { byText, isInLine, type ModelOrder } from './model-data.ts'
import type { StockModel } from './stock-model.ts'
import { ask } from './supplying.ts'
import { failOrder } from './upkeep.ts'

// Who gets what of the stock.

/** Looks at those of the orders that are PENDING, oldest first: each is reserved, waits for what is short, or fails. */
export function reservePending(model: StockModel, orderIds: readonly string[]): void {
  let claims = [...new Set(orderIds)].sort().flatMap((id) => model.find(id) ?? [])
  claims = claims.filter(({ status }) => status === 'PENDING')
  const givenUp: [ModelOrder, string][] = []
  let results = allocate(model, claims)
  // others have what its supplier has delivered for it while it had failed. What it would have taken is for the others
  for (;;) {
    const over = results.flatMap(({ order, short }): [ModelOrder, string][] => {
      const sku = short.find((sku) => model.request(order.id, sku)?.state === 'DELIVERED')
      return sku === undefined ? [] : [[order, sku]]
    })
    if (over.length === 0) break
    givenUp.push(...over)
    claims = claims.filter((order) => !over.some(([gone]) => gone === order))
    results = allocate(model, claims)
  }
  for (const { order, taken, short } of results) {
    if (short.length > 0 && order.ifShort === 'FAIL') {
      failOrder(model, order, 'OUT_OF_STOCK')
      continue
    }
    take(model, order, taken)
    model.transition(order, short.length > 0 ? 'OrderAwaitingRestock' : 'OrderReserved', {
      lookedAt: short.length > 0,
    })
    if (order.ifShort === 'ASK_SUPPLIER') for (const sku of short) ask(model, order, sku)
  }
  for (const [order, sku] of givenUp) {
    const error = `The supplier delivered ${sku} for this order while it had failed, and other orders took it`
    const letter = { task: 'reserve-inventory', sku: null, step: null, error, attempts: 1, retried: false }
    model.letters.push({ ...letter, orderId: order.id })
    failOrder(model, order, 'INTERNAL_ERROR')
  }
}

/**
 * Gives those who wait what is there for them, in the order of their creation. Who does not fit is passed over.
 *
 * @param late new orders that take their turn among them
 */
export function serveWaiting(model: StockModel, late: readonly ModelOrder[] = []): void {
  const waiting = model.orders.filter(isInLine)
  for (const order of [...waiting, ...late].sort((one, other) => byText(one.id, other.id))) {
    if (order.status === 'PENDING') {
      reservePending(model, [order.id])
      continue
    }
    const { taken } = allocate(model, [order])[0]!
    if (taken.length === 0) continue
    take(model, order, taken)
    model.transition(order, 'OrderReserved')
  }
}

function allocate(model: StockModel, orders: readonly ModelOrder[]): Allocated[] {
  const promisable = [...model.levels.keys()].map((key) => [key, model.promisableAt(key)] as const)
  return allocateTo(orders, new Map(promisable), model.locations)
}

function take(model: StockModel, order: ModelOrder, pieces: readonly Piece[]): void {
  for (const piece of pieces) {
    model.move('RESERVATION', piece, order, order.version + 1)
    order.lines.find(({ sku }) => sku === piece.sku)!.reserved += piece.qty
  }
}
