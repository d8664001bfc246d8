import fc from 'fast-check'
import { expect } from 'vitest'
import type { App } from '../../src/create-app.ts'
import { cancelOrder } from '../../src/use-cases/orders/verbs/cancel-order.ts'
import { confirmOrder } from '../../src/use-cases/orders/verbs/confirm-order.ts'
import { extendHold } from '../../src/use-cases/orders/verbs/extend-hold.ts'
import type { ChangeOrderResult } from '../../src/use-cases/orders/verbs/order-call.ts'
import { returnOrder } from '../../src/use-cases/orders/verbs/return-order.ts'
import { shipOrder } from '../../src/use-cases/orders/verbs/ship-order.ts'
import { undoShipment } from '../../src/use-cases/orders/verbs/undo-shipment.ts'
import { settleSupplierOutcomes } from '../../src/use-cases/supplier/settle-supplier-outcomes.ts'
import { reserveOrders } from '../support/reserve-orders.ts'
import { as, command, hasOrders, hasRequests, NO_ORDER } from './command.ts'
import { calls, callsOf, isPending, pickFrom, picks, verbCall, verbOf } from './inputs.ts'
import { byJson, findShipmentId, fromOrder, visible } from './read-state.ts'
import { how, run, times, together } from './real.ts'
import { reservePending } from './reserving.ts'
import { settleCalls } from './supplying.ts'
import { type Answer, call, type VerbCall } from './verbs.ts'

export const reserve = command(
  'reserveInventory',
  fc.record({ picks, unknown: fc.boolean(), how }),
  async (model, real, { picks, unknown, how }) => {
    const ids = picks.map((pick) => pickFrom(model.orders, isPending, pick).id)
    if (unknown) ids.push(NO_ORDER)
    await run(real, how, (app) => reserveOrders(app, app === real.first ? ids : ids.toReversed()))
    times(how, () => reservePending(model, ids))
  },
  hasOrders,
)

export const settle = command(
  'settleSupplierOutcomes',
  fc.record({ calls, how }),
  async (model, real, { calls, how }) => {
    const list = callsOf(model.requests, calls)
    await run(real, how, (app) => settleSupplierOutcomes(app, list))
    times(how, () => settleCalls(model, list))
  },
  hasRequests,
)

export const callVerb = command(
  'callVerb',
  fc.record({ verbCall, how }),
  async (model, real, { verbCall, how }) => {
    const asked = verbOf(model, verbCall)
    const answers = await run(real, how, (app) => callReal(app, asked))
    expect(answers.sort(byJson)).toEqual(times(how, () => inWords(call(model, asked))).sort(byJson))
  },
  hasOrders,
)

/** Of one application, calls of the moment share a transaction where each is for another order. */
export const callVerbs = command(
  'callVerbs',
  fc.array(verbCall, { minLength: 2, maxLength: 6 }),
  async (model, real, verbCalls) => {
    // an undo has its shipment read first, and so comes later than it is called
    const asked = verbCalls
      .map((picked) => verbOf(model, picked))
      .filter(({ verb }) => verb !== 'undoShipment')
    const byOrder = new Map(asked.map((one) => [one.orderId, one]))
    const list = [...byOrder.values()]
    const answers = await together(list.map((asked) => callReal(real.first, asked)))
    expect(answers).toEqual(list.map((asked) => inWords(call(model, asked))))
  },
  hasOrders,
)

/** Calls a verb, and gives what came of it in the words of the model. */
export async function callReal(app: App, asked: VerbCall) {
  const { orderId: id, caller, idempotencyKey, expectedVersion } = asked
  const request = { id, idempotencyKey, expectedVersion }
  let result: ChangeOrderResult
  switch (asked.verb) {
    case 'cancelOrder':
      result = await cancelOrder(app, as(caller), { ...request, lines: asked.lines })
      break
    case 'confirmOrder':
      result = await confirmOrder(app, as(caller), request)
      break
    case 'extendHold':
      result = await extendHold(app, as(caller), { ...request, holdSeconds: asked.holdSeconds })
      break
    case 'shipOrder':
      result = await shipOrder(app, as(caller), { ...request, lines: asked.lines, location: asked.location })
      break
    case 'undoShipment': {
      const shipmentId = await findShipmentId(app.pool, { orderId: id, ...asked.shipment })
      result = await undoShipment(app, as(caller), { ...request, id: shipmentId ?? NO_ORDER })
      break
    }
    case 'returnOrder':
      result = await returnOrder(app, as(caller), {
        ...request,
        lines: asked.lines,
        location: asked.location,
      })
  }
  const { order, shipments, userErrors } = result
  if (!order) {
    const { code, limit } = userErrors[0]
    return { refused: code, ...(limit !== undefined && { limit: Number(limit) }) }
  }
  const made = shipments.map(({ orderId, orderVersion: version, location, lines, undoneAt }) => {
    const sorted = lines.toSorted((a, b) => (a.sku < b.sku ? -1 : 1))
    return { orderId, version, location, lines: sorted, isUndone: undoneAt !== null }
  })
  return { order: fromOrder(order), shipments: made.sort(byJson) }
}

export function inWords(answer: Answer) {
  if ('refused' in answer) return { ...answer }
  const { order, shipments } = structuredClone(answer)
  return { order: visible(order), shipments: shipments.sort(byJson) }
}
