import fc from 'fast-check'
import { expect } from 'vitest'
import type { App } from '../../src/create-app.ts'
import { LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import { fingerprintOf } from '../../src/use-cases/fingerprint.ts'
import { createOrder } from '../../src/use-cases/orders/create-order.ts'
import { createOrders } from '../../src/use-cases/orders/order-intake.ts'
import { cancelOrder } from '../../src/use-cases/orders/verbs/cancel-order.ts'
import { confirmOrder } from '../../src/use-cases/orders/verbs/confirm-order.ts'
import { extendHold } from '../../src/use-cases/orders/verbs/extend-hold.ts'
import type { ChangeOrderResult } from '../../src/use-cases/orders/verbs/order-call.ts'
import { returnOrder } from '../../src/use-cases/orders/verbs/return-order.ts'
import { shipOrder } from '../../src/use-cases/orders/verbs/ship-order.ts'
import { undoShipment } from '../../src/use-cases/orders/verbs/undo-shipment.ts'
import { saveLocation } from '../../src/use-cases/stock/save-location.ts'
import { adjustInventory } from '../../src/use-cases/stock/verbs/adjust-inventory.ts'
import { countInventory } from '../../src/use-cases/stock/verbs/count-inventory.ts'
import { receiveInventory } from '../../src/use-cases/stock/verbs/receive-inventory.ts'
import { transferInventory } from '../../src/use-cases/stock/verbs/transfer-inventory.ts'
import { settleSupplierOutcomes } from '../../src/use-cases/supplier/settle-supplier-outcomes.ts'
import { readJobs } from '../support/queue.ts'
import { reserveOrders } from '../support/reserve-orders.ts'
import { as, type Command, command, hasOrders, hasRequests, NO_ORDER } from './command.ts'
import {
  adjustment,
  calls,
  callsOf,
  isPending,
  keeping,
  outcome,
  pickFrom,
  picks,
  SKUS,
  savedLocation,
  verbCall,
  verbOf,
  wish,
  wishes,
} from './inputs.ts'
import {
  isOpen,
  isShortOf,
  type ModelAdjustment,
  type ModelOrder,
  type ModelWish,
  waitingOf,
} from './model-data.ts'
import {
  allOf,
  byJson,
  findMovementId,
  findShipmentId,
  fromOrder,
  readAll,
  readState,
  stateOf,
  visible,
} from './read-state.ts'
import { how, run, times, together } from './real.ts'
import { adjustMany, importSheet, setSafety } from './sheet-commands.ts'
import { type Keeping, type Kept, keep } from './stock-keeping.ts'
import type { StockModel } from './stock-model.ts'
import { settleCalls } from './supplying.ts'
import { expire, fail, retry, split, sweepUp, workSome } from './upkeep-commands.ts'
import { type Answer, call, type VerbCall } from './verbs.ts'
import { serveQueues } from './work.ts'

/** An order of one line without a list, now and then. */
function place(app: App, { caller, lines, ...wish }: ModelWish, isShort = false) {
  const what = isShort && lines.length === 1 ? lines[0]! : { lines }
  return createOrder(app, as(caller), { ...what, ...wish, customerId: null })
}

const createInCalls = command('createOrder', wishes, async (model, real, wishes) => {
  const earlier = new Set((await readJobs(real.first.pool)).map(({ id }) => id))
  const before = wishes.map((wish) => model.answerTo(wish))
  const answers = await together(
    wishes.map((wish, index) => place(index % 2 === 0 ? real.first : real.second, wish, index % 3 === 0)),
  )
  const created = answers.map(({ order }, index) => {
    const wish = wishes[index]!
    // which of several that share a free key comes first is open: it is the one whose order they got
    const isNew = order && isAs(order, wish) && !model.find(order.id)
    return isNew && model.answerTo(wish) === null ? model.create(order.id, wish) : null
  })
  const expected = wishes.map((wish, index) => {
    // whether another had taken its key when one that is refused anyway was looked at is open
    const isRefusedAnyway =
      typeof before[index] === 'string' && answers[index]!.userErrors[0]?.code === before[index]
    return created[index] ?? (isRefusedAnyway ? before[index] : model.answerTo(wish))
  })
  expect(answers.map(({ order, userErrors }) => (order ? fromOrder(order) : userErrors[0]!.code))).toEqual(
    expected.map((answer) => (typeof answer === 'object' && answer ? visible(answer) : answer)),
  )
  // which application wrote an order that both were asked for under one key is open, and so whose job it is in
  const jobs = (await readJobs(real.first.pool)).filter(({ id }) => !earlier.has(id))
  expect(jobs.length).toBeLessThanOrEqual(2)
  expect(jobs.flatMap(({ orderIds }) => orderIds).sort()).toEqual(
    created.flatMap((order) => order?.id ?? []).sort(),
  )
  for (const { orderIds } of jobs) {
    expect(orderIds).toEqual(orderIds.toSorted())
    model.enqueueCommit(orderIds)
  }
})

/** Whether an order is what was wished for. */
function isAs(order: Parameters<typeof fromOrder>[0], wish: ModelWish): boolean {
  const ordered = order.lines.map(({ sku, qty }) => ({ sku, qty }))
  const named = wish.locations && [...new Set(wish.locations)]
  const [seen, wished] = [
    [ordered, order.locations, order.ifShort, order.expiresAt !== null],
    [wish.lines, named, wish.ifShort, wish.holdSeconds !== null],
  ]
  return JSON.stringify(seen) === JSON.stringify(wished)
}

/** Most are reserved at once: else few would ever wait for the same SKU. */
const batch = fc.record({ wishes, isReserved: fc.constantFrom(true, true, false) })
const createInBatch = command('createOrders', batch, async (model, real, { wishes: all, isReserved }) => {
  // malformed ones never get as far
  const keyless = (wish: ModelWish) => model.answerTo({ ...wish, idempotencyKey: null })
  const isWell = (wish: ModelWish) => {
    const answer = keyless(wish)
    const names = [...wish.lines.map(({ sku }) => sku), ...(wish.locations ?? [])]
    return (
      (answer === null || /^UNKNOWN/.test(String(answer))) &&
      !names.includes('?') &&
      wish.locations?.length !== 0
    )
  }
  const wishes = all.filter(isWell)
  if (wishes.length === 0) return
  const insertions = await createOrders(
    real.first,
    wishes.map(({ lines, locations, ifShort, holdSeconds, caller, idempotencyKey }) => {
      const input = {
        customerId: null,
        reference: null,
        lines: lines.map(({ sku, qty }) => ({ sku, qty })),
        locations: locations && [...new Set(locations)],
        holdSeconds,
      }
      const named = { ...input, ifShort: ifShort === 'ASK_SUPPLIER' ? null : ifShort }
      const fingerprint = fingerprintOf('createOrder', named)
      return {
        ...input,
        ifShort,
        caller,
        key: idempotencyKey === null ? null : { key: idempotencyKey, fingerprint },
      }
    }),
  )
  const refusals = wishes.map(keyless)
  for (const [index, { order }] of insertions.entries()) {
    if (!order) continue
    // a second order under one key finds the first
    expect(model.answerTo(wishes[index]!)).toBeNull()
    expect(fromOrder(order)).toEqual(visible(model.create(order.id, wishes[index]!)))
  }
  model.enqueueCommit(insertions.flatMap(({ order }) => order?.id ?? []))
  const outcomes = { UNKNOWN_SKU: 'unknown-skus', UNKNOWN_LOCATION: 'unknown-locations' }
  expect(insertions.map(({ outcome }) => outcome)).toEqual(
    insertions.map(({ order }, index) => {
      const refusal = refusals[index] as keyof typeof outcomes | null
      if (refusal !== null) return outcomes[refusal]
      return order ? 'created' : 'key-taken'
    }),
  )
  // what was not created has its key taken
  for (const [index, { order }] of insertions.entries())
    if (!order) expect(model.answerTo(wishes[index]!)).not.toBeNull()
  if (!isReserved) return
  const ids = insertions.flatMap(({ order }) => order?.id ?? [])
  await reserveOrders(real.second, ids)
  model.reserve(ids)
})

const reserve = command(
  'reserveInventory',
  fc.record({ picks, unknown: fc.boolean(), how }),
  async (model, real, { picks, unknown, how }) => {
    const ids = picks.map((pick) => pickFrom(model.orders, isPending, pick).id)
    if (unknown) ids.push(NO_ORDER)
    await run(real, how, (app) => reserveOrders(app, app === real.first ? ids : ids.toReversed()))
    times(how, () => model.reserve(ids))
  },
  hasOrders,
)

const settle = command(
  'settleSupplierOutcomes',
  fc.record({ calls, how }),
  async (model, real, { calls, how }) => {
    const list = callsOf(model.requests, calls)
    await run(real, how, (app) => settleSupplierOutcomes(app, list))
    times(how, () => settleCalls(model, list))
  },
  hasRequests,
)

const callVerb = command(
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
const callVerbs = command(
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

const keepStock = command('keepStock', fc.record({ keeping, how }), async (model, real, { keeping, how }) => {
  const act = await keepReal(real.first, keeping)
  const answers = await run(real, how, act)
  expect(answers.sort(byJson)).toEqual(times(how, () => structuredClone(keep(model, keeping))).sort(byJson))
})

/** Reads what a call names, and gives what makes it, in the words of the model. */
async function keepReal({ pool }: App, asked: Keeping): Promise<(app: App) => Promise<Kept>> {
  const { idempotencyKey } = asked
  const caller = as(asked.caller)
  if (asked.verb === 'receiveInventory') {
    return async (app) => {
      const { level, userErrors } = await receiveInventory(app, caller, { ...asked, idempotencyKey })
      if (!level) return { refused: userErrors.map(({ code }) => code) }
      return { level: { available: Number(level.available), reserved: Number(level.reserved) } }
    }
  }
  if (asked.verb === 'transferInventory') {
    return async (app) => {
      const { movements, userErrors } = await transferInventory(app, caller, asked)
      return userErrors.length > 0
        ? { refused: userErrors.map(({ code }) => code) }
        : { moved: movements.length }
    }
  }
  const { location } = asked
  const counts = await Promise.all(
    asked.counts.map(async ({ sku, counted, asOf }) => ({
      sku,
      counted: BigInt(counted),
      asOf: asOf === null ? null : await findMovementId(pool, sku, location, asOf),
    })),
  )
  const request = {
    location,
    counts,
    reason: 'counted',
    onShortfall: asked.mayUnreserve ? 'UNRESERVE_NEWEST' : 'REFUSE',
    errorPolicy: asked.maySkip ? 'SKIP_FAILED' : 'ALL_OR_NOTHING',
    dryRun: asked.isDry,
    idempotencyKey,
  } as const
  const numberOf = (value: bigint | null | undefined) =>
    value === null || value === undefined ? null : Number(value)
  return async (app) => {
    const { results, unreserved, userErrors } = await countInventory(app, caller, request)
    if (results.length === 0) return { refused: userErrors.map(({ code }) => code) }
    return {
      counts: results.map(({ before, after, movement, userErrors: [error] }) => ({
        before: numberOf(before),
        after: numberOf(after),
        delta: movement?.delta ?? null,
        error: error?.code ?? null,
        limit: numberOf(error?.limit),
      })),
      unreserved: unreserved.map(({ id }) => id),
    }
  }
}

/** Two things at once to one order: what comes of it is what comes of one after the other. */
const race = command(
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
      reserve: [(app: App) => reserveOrders(app, [order.id]), (on: StockModel) => on.reserve([order.id])],
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
    before.serve()
    const answerAfter = doModel(after)
    const answersAfter = [inWords(call(after, asked)), answerAfter]
    after.serve()
    const isBefore = isSame(seen, { answers: answersBefore, state: stateOf(before), all: allOf(before) })
    const result = isBefore ? before : after
    if (!isBefore) expect(seen).toEqual({ answers: answersAfter, state: stateOf(after), all: allOf(after) })
    model.become(result)
  },
  hasOrders,
)

function isSame(one: unknown, other: unknown): boolean {
  try {
    expect(one).toEqual(other)
    return true
  } catch {
    return false
  }
}

/** Calls a verb, and gives what came of it in the words of the model. */
async function callReal(app: App, asked: VerbCall) {
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

function inWords(answer: Answer) {
  if ('refused' in answer) return { ...answer }
  const { order, shipments } = structuredClone(answer)
  return { order: visible(order), shipments: shipments.sort(byJson) }
}

const save = command('saveLocation', savedLocation, async (model, real, asked) => {
  const { userErrors } = await saveLocation(real.first, LOCAL_OPERATOR, asked)
  expect(userErrors[0]?.code ?? null).toBe(model.saveLocation(asked.code, asked.priority, asked.isActive))
})

const adjust = command(
  'adjustInventory',
  fc.record({
    adjustment,
    unknown: fc.nat(9).map((n) => n === 0),
    expectation: fc.constantFrom(null, null, 0, 1),
    how,
  }),
  async (model, real, { adjustment, unknown, expectation, how }) => {
    const { available } = model.level(adjustment.sku, adjustment.location)
    const expectedAvailable = expectation === null ? null : available + expectation
    const what = { ...adjustment, ...(unknown && { sku: 'NONE' }), expectedAvailable }
    const results = await run(real, how, (app) => adjustOnce(app, what))
    // of two at the same time, it is open which comes first
    const order = how === 'at the same time' ? byJson : () => 0
    expect(results.sort(order)).toEqual(times(how, () => model.adjust(what)).sort(order))
  },
)

/** New orders are reserved while a queue is being served: they take their turn in it. Those of other SKUs do not wait. */
const reserveWhileServed = command(
  'reserveWhileServed',
  fc.record({ adjustment, picks }),
  async (model, real, { adjustment, picks }) => {
    const { sku, location } = adjustment
    const what = { sku, location, delta: Math.abs(adjustment.delta), expectedAvailable: null }
    const picked = new Set(picks.map((pick) => pickFrom(model.orders, isPending, pick)))
    const orders = [...picked].filter(isPending)
    const isQueued = model.orders.some((order) => isShortOf(order, sku))
    const adjusted = await adjustOnce(real.first, what)
    await reserveOrders(
      real.second,
      orders.map(({ id }) => id),
    )
    expect(adjusted).toEqual(model.adjust(what))
    const isServed = isQueued && !('refused' in adjusted)
    const isLate = ({ lines }: ModelOrder) =>
      isServed && lines.some((line) => line.sku === sku && waitingOf(line) > 0)
    model.reserve(orders.filter((order) => !isLate(order)).map(({ id }) => id))
    model.serve(orders.filter(isLate))
  },
  (model) => model.orders.some(isPending),
)

async function adjustOnce(app: App, adjustment: ModelAdjustment) {
  const { inventoryItem, movement, userErrors } = await adjustInventory(app, LOCAL_OPERATOR, {
    ...adjustment,
    expectedAvailable: adjustment.expectedAvailable === null ? null : BigInt(adjustment.expectedAvailable),
    reason: 'counted',
  })
  if (!inventoryItem) return { refused: userErrors[0].code }
  const { sku, location, delta } = adjustment
  expect(movement).toMatchObject({ sku, location, delta, type: 'ADJUSTMENT', orderId: null })
  return { available: Number(inventoryItem.available), reserved: Number(inventoryItem.reserved) }
}

/** Different things on different SKUs, by both applications: none has to do with another. */
const sideBySide = command(
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
    model.reserve(ids)
    settleCalls(model, list)
    model.adjust(change)
    const expected = model.answerTo(create)
    if (expected === null) model.enqueueCommit([model.create(created.order!.id, create).id])
    else expect(created.userErrors[0]!.code).toBe(expected)
  },
)

/** Everything that is done, the more often what has most to go wrong. */
export const COMMANDS: fc.Arbitrary<Command>[] = [
  createInCalls,
  createInBatch,
  createInBatch,
  createInBatch,
  reserve,
  settle,
  settle,
  callVerb,
  callVerb,
  callVerb,
  callVerbs,
  race,
  race,
  save,
  adjust,
  keepStock,
  keepStock,
  keepStock,
  adjustMany,
  importSheet,
  setSafety,
  reserveWhileServed,
  reserveWhileServed,
  fail,
  retry,
  expire,
  workSome,
  workSome,
  split,
  sweepUp,
  sideBySide,
]
