import fc from 'fast-check'
import { expect } from 'vitest'
import type { App } from '../../src/create-app.ts'
import { LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import type { DeadLetter } from '../../src/domain/upkeep/dead-letter.ts'
import { createOrder } from '../../src/use-cases/orders/create-order.ts'
import { failOrders } from '../../src/use-cases/orders/fail-orders.ts'
import { createOrders } from '../../src/use-cases/orders/order-intake.ts'
import { splitReservation } from '../../src/use-cases/orders/reserve-inventory.ts'
import { adjustInventory } from '../../src/use-cases/stock/adjust-inventory.ts'
import { settleSupplierOutcomes } from '../../src/use-cases/supplier/settle-supplier-outcomes.ts'
import { retryDeadLetters } from '../../src/use-cases/upkeep/retry-dead-letters.ts'
import { type SweepResult, sweep } from '../../src/use-cases/upkeep/sweep.ts'
import { dropJobs, killJobs, readJobs } from '../support/queue.ts'
import { reserveOrders } from '../support/reserve-orders.ts'
import {
  adjustment,
  calls,
  callsOf,
  isAwaiting,
  isPending,
  outcome,
  pick,
  pickFrom,
  pickJobs,
  picks,
  request,
  requests,
  SKUS,
} from './inputs.ts'
import { AGE, byJson, findJobIds, fromOrder, readLetterIds, readOrders, visible } from './read-state.ts'
import { how, type Real, run, times, together } from './real.ts'
import { isFinal, keyOf, type ModelAdjustment, type StockModel } from './stock-model.ts'
import { work } from './work.ts'

const NO_ORDER = '01900000-0000-7000-8000-000000000000'
const ATTEMPTS_MAX = 8

const hasOrders = (model: Pick<StockModel, 'orders'>) => model.orders.length > 0
const hasJobs = (model: Pick<StockModel, 'jobs'>) => model.jobs.length > 0

type Command = fc.AsyncCommand<StockModel, Real>

/** A command that runs on both, and then compares orders and stock. */
function command<Input>(
  name: string,
  input: fc.Arbitrary<Input>,
  act: (model: StockModel, real: Real, input: Input) => Promise<void>,
  canRun: (model: Pick<StockModel, 'orders' | 'jobs' | 'letters'>) => boolean = () => true,
): fc.Arbitrary<Command> {
  return input.map((value) => ({
    check: canRun,
    run: async (model, real) => {
      await act(model, real, value)
      const { orders, items } = await readOrders(real.first.pool)
      expect(orders).toEqual(model.orders.map(visible).sort(byJson))
      expect(items).toEqual([...model.items].map(([sku, item]) => ({ sku, ...item })))
    },
    toString: () => `${name}(${fc.stringify(value)})`,
  }))
}

const createInCalls = command('createOrder', requests, async (model, real, requests) => {
  const earlier = new Set((await readJobs(real.first.pool)).map(({ id }) => id))
  const answers = await together(
    requests.map((request, index) =>
      createOrder(
        index % 2 === 0 ? real.first : real.second,
        { ...LOCAL_OPERATOR, id: request.caller },
        { ...request, customerId: null },
      ),
    ),
  )
  const created = answers.map(({ order }, index) => {
    const request = requests[index]!
    // which of several that share a free key comes first is open: it is the one whose order they got
    const isNew = order?.sku === request.sku && order.qty === request.qty && !model.find(order.id)
    return isNew && model.answerTo(request) === null ? model.create(order.id, request) : null
  })
  const expected = requests.map((request, index) => created[index] ?? model.answerTo(request))
  expect(
    answers.map(({ order, userErrors }) => (order ? visible(fromOrder(order)) : userErrors[0]!.code)),
  ).toEqual(expected.map((answer) => (typeof answer === 'object' && answer ? visible(answer) : answer)))
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

const createInBatch = command('createOrders', requests, async (model, real, all) => {
  // malformed ones never get as far
  const requests = all.filter(({ qty }) => qty >= 1 && qty <= 1_000_000)
  if (requests.length === 0) return
  const insertions = await createOrders(
    real.first,
    requests.map((request) => ({ ...request, customerId: null })),
  )
  for (const [index, { order }] of insertions.entries()) {
    if (!order) continue
    // a second order under one key finds the first
    expect(model.answerTo(requests[index]!)).toBeNull()
    expect(visible(fromOrder(order))).toEqual(visible(model.create(order.id, requests[index]!)))
  }
  model.enqueueCommit(insertions.flatMap(({ order }) => order?.id ?? []))
  expect(insertions.map(({ outcome }) => outcome)).toEqual(
    requests.map(({ sku, caller, idempotencyKey: key }, index) => {
      if (!model.items.has(sku)) return 'unknown-sku'
      const isHolder = key === null || model.keys.get(keyOf(caller, key)) === insertions[index]!.order?.id
      return isHolder ? 'created' : 'key-taken'
    }),
  )
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
    const list = callsOf(model.orders, calls)
    await run(real, how, (app) => settleSupplierOutcomes(app, list))
    times(how, () => model.settle(list))
  },
  (model) => model.orders.some(isAwaiting),
)

const adjust = command(
  'adjustInventory',
  fc.record({
    adjustment,
    unknown: fc.nat(9).map((n) => n === 0),
    expectation: fc.constantFrom(null, null, 0, 1),
    how,
  }),
  async (model, real, { adjustment, unknown, expectation, how }) => {
    const { available } = model.items.get(adjustment.sku)!
    const expectedAvailable = expectation === null ? null : available + expectation
    const what = { ...adjustment, ...(unknown && { sku: 'NONE' }), expectedAvailable }
    const results = await run(real, how, (app) => adjustOnce(app, what))
    // of two at the same time, it is open which comes first
    const order = how === 'at the same time' ? byJson : () => 0
    expect(results.sort(order)).toEqual(times(how, () => model.adjust(what)).sort(order))
  },
)

async function adjustOnce(app: App, adjustment: ModelAdjustment) {
  const { inventoryItem, movement, userErrors } = await adjustInventory(app, LOCAL_OPERATOR, {
    ...adjustment,
    expectedAvailable: adjustment.expectedAvailable === null ? null : BigInt(adjustment.expectedAvailable),
    reason: 'counted',
  })
  if (!inventoryItem) return { refused: userErrors[0].code }
  const available = Number(inventoryItem.available)
  const { sku, delta } = adjustment
  expect(movement).toMatchObject({
    sku,
    delta,
    availableAfter: BigInt(available),
    type: 'ADJUSTMENT',
    orderId: null,
  })
  return { available, reserved: Number(inventoryItem.reserved) }
}

const fail = command(
  'failOrders',
  fc.record({
    jobs: fc.array(fc.record({ pick, late: fc.constantFrom(0, 0, 1, -1) }), { minLength: 1, maxLength: 5 }),
    how,
  }),
  async (model, real, { jobs, how }) => {
    const failures = jobs.map(({ pick, late }) => {
      const order = pickFrom(model.orders, (order) => !isFinal(order), pick)
      const step = isAwaiting(order) ? order.step - late : null
      const task = step === null ? 'reserve-inventory' : 'check-supplier-status'
      return { orderId: order.id, task, step, error: `gave up ${pick}`, attempts: ATTEMPTS_MAX }
    })
    const given = failures.map(({ orderId, task, step, error, attempts }) => {
      const payload = step === null ? { orderId } : { orderId, step }
      return { task, payload, error, attempts } as DeadLetter
    })
    await run(real, how, (app) => failOrders(app, given))
    times(how, () => model.fail(failures))
  },
  hasOrders,
)

const retry = command(
  'retryDeadLetters',
  fc.record({ picks, how }),
  async (model, real, { picks, how }) => {
    // letters have no ids in the model: the n-th of an order is the n-th of the order
    const byOrder = Map.groupBy(await readLetterIds(real.first.pool), ({ orderId }) => orderId)
    const idOf = new Map(
      [...Map.groupBy(model.letters, ({ orderId }) => orderId)].flatMap(([orderId, letters]) =>
        letters.map((letter, n) => [letter, byOrder.get(orderId)![n]!.id] as const),
      ),
    )
    const letters = picks.map((pick) => pickFrom(model.letters, (letter) => !letter.retried, pick))
    const ids = [...letters.map((letter) => idOf.get(letter)!), NO_ORDER, 'nonsense']
    const retried = (await run(real, how, (app) => retryDeadLetters(app, LOCAL_OPERATOR, ids))).flat()
    const expected = times(how, () => model.retry(letters)).flat()
    expect(retried.sort()).toEqual(expected.map((letter) => idOf.get(letter)!).sort())
  },
  (model) => model.letters.length > 0,
)

const workSome = command(
  'work',
  fc.record({ picks, outcomes: fc.array(outcome, { minLength: 1, maxLength: 3 }), how }),
  async (model, real, { picks, outcomes, how }) => {
    const jobs = [...new Set(picks.map((pick) => pickFrom(model.jobs, () => true, pick)))]
    await work(model, real, jobs, outcomes, how)
  },
  hasJobs,
)

const split = command(
  'splitReservation',
  fc.record({ pick, how }),
  async (model, real, { pick, how }) => {
    const job = pickFrom(model.jobs, (job) => job.orderIds.length > 1, pick)
    if (job.step !== null) return
    const ids = await findJobIds(real.first.pool, [job])
    await run(real, how, (app) =>
      splitReservation(
        app,
        job.orderIds.map((orderId) => ({ orderId })),
      ),
    )
    times(how, () => model.split(job.orderIds))
    await dropJobs(real.first.pool, { ids })
    model.removeJobs([job])
  },
  hasJobs,
)

const sweepUp = command(
  'sweep',
  fc.record({
    lost: fc.array(pick, { maxLength: 3 }),
    dead: fc.array(pick, { maxLength: 2 }),
    oldKeys: fc.array(pick, { maxLength: 1 }),
    error: fc.constantFrom('gone', null),
    how,
  }),
  async (model, real, { lost, dead, oldKeys, error, how }) => {
    const lostJobs = pickJobs(model, lost)
    await dropJobs(real.first.pool, { ids: await findJobIds(real.first.pool, lostJobs) })
    model.removeJobs(lostJobs)
    const deadJobs = pickJobs(model, dead).sort((a, b) => model.jobs.indexOf(a) - model.jobs.indexOf(b))
    await killJobs(real.first.pool, error, { ids: await findJobIds(real.first.pool, deadJobs) })
    const keys =
      model.keys.size === 0 ? [] : oldKeys.map((pick) => pickFrom([...model.keys.keys()], () => true, pick))
    await real.first.pool.query(AGE, [keys])

    const swept = await run(real, how, (app) => sweep(app))
    const lastError = error ?? 'The process ended during the last attempt'
    const letters = deadJobs.map((job) => ({ job, error: lastError, attempts: ATTEMPTS_MAX }))
    // of two at the same time, one leaves what remains to the other where it finds it at it
    expect(countSwept(swept)).toEqual(model.sweep(letters, keys))
  },
)

/** How much sweeps did, all together; nothing failed. */
export function countSwept(sweeps: readonly SweepResult[]) {
  expect(sweeps.flatMap(({ failures, setAside }) => [...failures, ...setAside])).toEqual([])
  return {
    requeued: sweeps.flatMap(({ requeued }) => requeued).length,
    buried: sweeps.flatMap(({ buried }) => buried).length,
    keysDeleted: sweeps.reduce((sum, { keysDeleted }) => sum + keysDeleted, 0),
  }
}

/** Different things on different SKUs, by both applications: none has to do with another. */
const sideBySide = command(
  'sideBySide',
  fc.record({
    picks,
    calls,
    adjustment: fc.integer({ min: 1, max: 8 }),
    request,
    skus: fc.shuffledSubarray([...SKUS], { minLength: 3 }),
  }),
  async (model, real, { picks, calls, adjustment, request, skus }) => {
    const [toReserve, toSettle] = skus.map((sku) => model.orders.filter((order) => order.sku === sku))
    const ids = toReserve!.length === 0 ? [] : picks.map((pick) => pickFrom(toReserve!, isPending, pick).id)
    const list = toSettle!.length === 0 ? [] : callsOf(toSettle!, calls)
    const change = { sku: skus[2]!, delta: adjustment, expectedAvailable: null }
    const create = { ...request, idempotencyKey: null }
    const creating = createOrder(
      real.second,
      { ...LOCAL_OPERATOR, id: create.caller },
      { ...create, customerId: null },
    )
    await together<unknown>([
      creating,
      reserveOrders(real.first, ids),
      settleSupplierOutcomes(real.second, list),
      adjustInventory(real.first, LOCAL_OPERATOR, { ...change, reason: 'counted' }),
    ])
    const created = await creating
    model.reserve(ids)
    model.settle(list)
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
  reserve,
  settle,
  settle,
  adjust,
  fail,
  retry,
  workSome,
  workSome,
  split,
  sweepUp,
  sideBySide,
]
