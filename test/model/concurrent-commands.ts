import fc from 'fast-check'
import { expect } from 'vitest'
import type { App } from '../../src/create-app.ts'
import { LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import { adjustInventory } from '../../src/use-cases/stock/verbs/adjust-inventory.ts'
import { settleSupplierOutcomes } from '../../src/use-cases/supplier/settle-supplier-outcomes.ts'
import { reserveOrders } from '../support/reserve-orders.ts'
import { command, hasOrders } from './command.ts'
import { place } from './create-commands.ts'
import { answerTo, placeOrder } from './creating.ts'
import {
  calls,
  callsOf,
  isPending,
  keeping,
  outcome,
  pickFrom,
  picks,
  SKUS,
  verbCall,
  verbOf,
  wish,
} from './inputs.ts'
import { isOpen } from './model-data.ts'
import { callReal, inWords } from './order-commands.ts'
import { allOf, readAll, readState, stateOf } from './read-state.ts'
import { together } from './real.ts'
import { reservePending, serveWaiting } from './reserving.ts'
import { keepReal } from './stock-commands.ts'
import { adjustLevel, keep } from './stock-keeping.ts'
import type { StockModel } from './stock-model.ts'
import { settleCalls } from './supplying.ts'
import { call } from './verbs.ts'
import { serveQueues } from './work.ts'

/** Two things at once to one order: what comes of it is what comes of one after the other. */
export const race = command(
  'race',
  fc.record({
    first: verbCall,
    second: verbCall,
    other: fc.constantFrom('verb', 'verb', 'reserve', 'settle', 'keep'),
    outcome,
    keeping,
  }),
  async (model, real, { first, second, other, outcome, keeping }) => {
    const asked = verbOf(model, first)
    const order = model.find(asked.orderId)!
    const request = model.requests.find((request) => request.orderId === order.id && isOpen(request))
    const rival = verbOf(model, second, order)
    const supplierCalls = request
      ? [{ orderId: order.id, sku: request.sku, step: request.step, outcome }]
      : []
    const keepStock = await keepReal(real.first, keeping)
    const acts = {
      keep: [keepStock, (on: StockModel) => structuredClone(keep(on, keeping))],
      verb: [(app: App) => callReal(app, rival), (on: StockModel) => inWords(call(on, rival))],
      reserve: [
        (app: App) => reserveOrders(app, [order.id]),
        (on: StockModel) => reservePending(on, [order.id]),
      ],
      settle: [
        (app: App) => settleSupplierOutcomes(app, supplierCalls),
        (on: StockModel) => settleCalls(on, supplierCalls),
      ],
    } as const
    const [doReal, doModel] = acts[other]
    const answers = await together<unknown>([callReal(real.first, asked), doReal(real.second)])
    await serveQueues(real, 'in turn')
    const seen = { answers, state: await readState(real.first.pool), all: await readAll(real.first.pool) }
    const [before, after] = [model.copy(), model.copy()]
    const answer = inWords(call(before, asked))
    const answersBefore = [answer, doModel(before)]
    serveWaiting(before)
    const answerAfter = doModel(after)
    const answersAfter = [inWords(call(after, asked)), answerAfter]
    serveWaiting(after)
    const isBefore = isSame(seen, { answers: answersBefore, state: stateOf(before), all: allOf(before) })
    const result = isBefore ? before : after
    if (!isBefore) expect(seen).toEqual({ answers: answersAfter, state: stateOf(after), all: allOf(after) })
    model.become(result)
  },
  hasOrders,
)

/** Different things on different SKUs, by both applications: none has to do with another. */
export const sideBySide = command(
  'sideBySide',
  fc.record({
    picks,
    calls,
    adjustment: fc.integer({ min: 1, max: 8 }),
    wish,
    skus: fc.shuffledSubarray([...SKUS], { minLength: 3 }),
  }),
  async (model, real, { picks, calls, adjustment, wish, skus }) => {
    const toReserve = model.orders.filter(({ lines }) => lines.every(({ sku }) => sku === skus[0]))
    const isAlone = ({ orderId }: { orderId: string }) =>
      model.find(orderId)!.lines.every(({ sku }) => sku === skus[1])
    const toSettle = model.requests.filter(isAlone)
    const ids = toReserve.length === 0 ? [] : picks.map((pick) => pickFrom(toReserve, isPending, pick).id)
    const list = toSettle.length === 0 ? [] : callsOf(toSettle, calls)
    const change = { sku: skus[2]!, location: 'MAIN', delta: adjustment, expectedAvailable: null }
    const create = { ...wish, idempotencyKey: null }
    const creating = place(real.second, create)
    await together<unknown>([
      creating,
      reserveOrders(real.first, ids),
      settleSupplierOutcomes(real.second, list),
      adjustInventory(real.first, LOCAL_OPERATOR, { ...change, reason: 'counted' }),
    ])
    const created = await creating
    reservePending(model, ids)
    settleCalls(model, list)
    adjustLevel(model, change)
    const expected = answerTo(model, create)
    if (expected === null) model.enqueueCommit([placeOrder(model, created.order!.id, create).id])
    else expect(created.userErrors[0]!.code).toBe(expected)
  },
)

function isSame(one: unknown, other: unknown): boolean {
  try {
    expect(one).toEqual(other)
    return true
  } catch {
    return false
  }
}
