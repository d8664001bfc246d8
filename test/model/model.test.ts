import { randomInt } from 'node:crypto'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { App } from '../../src/app.ts'
import { LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import type { Job } from '../../src/domain/jobs.ts'
import type { Order } from '../../src/domain/order.ts'
import type { SupplierOutcome } from '../../src/domain/supplier-policy.ts'
import { findBreaches } from '../../src/sql/find-breaches.ts'
import { adjustInventory } from '../../src/use-cases/adjust-inventory.ts'
import { createOrder, createOrders } from '../../src/use-cases/create-orders.ts'
import { failOrders } from '../../src/use-cases/fail-orders.ts'
import { reserveInventory } from '../../src/use-cases/reserve-inventory.ts'
import { retryDeadLetters } from '../../src/use-cases/retry-dead-letters.ts'
import {
  findOrderForSupplierCall,
  settleSupplierOutcomes,
} from '../../src/use-cases/settle-supplier-outcomes.ts'
import { type SweepResult, sweep } from '../../src/use-cases/sweep.ts'
import { createTestApp, joinTestApp, seed, type TestApp } from '../support/harness.ts'
import {
  AGE,
  byJson,
  COMPLETE,
  EMPTY,
  findJobIds,
  KILL,
  readAll,
  readLetterIds,
  readOrders,
} from './read-state.ts'
import {
  isFinal,
  keyOf,
  type ModelAdjustment,
  type ModelCall,
  type ModelJob,
  type ModelOrder,
  type ModelRequest,
  StockModel,
} from './stock-model.ts'

// MODEL_SEED repeats a test; MODEL_PATH and MODEL_REPLAY, both printed with a failure, go straight to its smallest case
const RUNS = Number(process.env.MODEL_RUNS ?? 1_000)
const SEED = Number(process.env.MODEL_SEED ?? randomInt(2 ** 31))
const { MODEL_PATH: PATH, MODEL_REPLAY: REPLAY } = process.env

/** A run has any number up to it, 15 on average: fewer find less, more take time from other runs. */
const COMMANDS_MAX = 30
/** Three times what a busy machine takes, and time to shrink a failure. */
const TIME_MAX_MS = RUNS * 500 + 60_000
/** What `random` gives: the jitter of a retry is a half of its bound. */
const RANDOM = 0.5
const SKUS = ['A', 'B', 'C'] as const
const NO_ORDER = '01900000-0000-7000-8000-000000000000'
const ATTEMPTS_MAX = 8

type Real = { first: App; second: App }

let apps: TestApp[]
let real: Real
beforeAll(async () => {
  const first = await createTestApp()
  const second = await joinTestApp(first)
  apps = [second, first]
  for (const { app } of apps) app.random = () => RANDOM
  real = { first: first.app, second: second.app }
})
afterAll(async () => {
  for (const each of apps) await each.close()
})

test(
  'whatever is done, in whatever order, Holdfast does what the model does',
  async () => {
    const stock = fc.tuple(...SKUS.map(() => fc.nat(12)))
    const commands = fc.commands(COMMANDS, {
      maxCommands: COMMANDS_MAX,
      size: 'max',
      ...(REPLAY && { replayPath: REPLAY }),
    })
    const property = fc.asyncProperty(stock, commands, async (available, commands) => {
      const model = await start(available)
      await fc.asyncModelRun(() => ({ model, real }), commands)
      await compareAll(model)
      await finish(model)
    })
    await fc.assert(property, {
      numRuns: RUNS,
      seed: SEED,
      ...(PATH && { path: PATH }),
      interruptAfterTimeLimit: TIME_MAX_MS,
      markInterruptAsFailure: true,
    })
  },
  TIME_MAX_MS + 60_000,
)

/** An empty database is made by emptying one: a hundred times as fast as a new one. */
async function start(available: readonly number[]): Promise<StockModel> {
  await real.first.pool.query(EMPTY)
  const model = new StockModel(real.first.supplierPolicy, RANDOM)
  for (const [index, sku] of SKUS.entries()) {
    await seed(real.first).item({ sku, available: available[index]! })
    model.addItem(sku, available[index]!)
  }
  return model
}

/** Nothing is broken, and every order comes to its end once its jobs run, whatever happened before. */
async function finish(model: StockModel): Promise<void> {
  expect(countSwept([await sweep(real.first)])).toEqual(model.sweep([], []))
  expect(await findBreaches(real.first.pool)).toEqual([])
  while (model.jobs.length > 0) {
    await work(model, [...model.jobs], [{ kind: 'delayed' }], 'once')
  }
  expect(model.orders.filter((order) => !isFinal(order))).toEqual([])
  await compareAll(model)
  expect(await findBreaches(real.first.pool)).toEqual([])
}

// ---- how often, and by whom

type How = 'once' | 'twice' | 'at the same time'
const how = fc.constantFrom<How[]>('once', 'once', 'twice', 'at the same time')

/** Runs the same thing by one application, or by both. */
async function run<Result>(how: How, act: (app: App) => Promise<Result>): Promise<Result[]> {
  if (how === 'once') return [await act(real.first)]
  if (how === 'twice') return [await act(real.first), await act(real.second)]
  return together([act(real.first), act(real.second)])
}

/** Waits for all of them, also when one fails: none is left running into what comes next. */
async function together<Result>(running: Promise<Result>[]): Promise<Result[]> {
  await Promise.allSettled(running)
  return Promise.all(running)
}

function times<Result>(how: How, act: () => Result): Result[] {
  return how === 'once' ? [act()] : [act(), act()]
}

// ---- what is picked: numbers that mean something only where there is something to pick from

const pick = fc.nat(999)
const picks = fc.array(pick, { minLength: 1, maxLength: 5 })

/** Most picks are of what matters now; the others must change nothing. */
function pickFrom<Item>(items: readonly Item[], likely: (item: Item) => boolean, number: number): Item {
  const liked = number % 4 === 0 ? [] : items.filter(likely)
  const from = liked.length > 0 ? liked : items
  return from[Math.floor(number / 4) % from.length]!
}

const hasOrders = (model: Pick<StockModel, 'orders'>) => model.orders.length > 0
const hasJobs = (model: Pick<StockModel, 'jobs'>) => model.jobs.length > 0
const isPending = (order: ModelOrder) => order.status === 'PENDING'
const isAwaiting = (order: ModelOrder) => order.status === 'AWAITING_RESTOCK'

const outcome = fc.oneof(
  fc.record({ kind: fc.constant('accepted' as const), ref: fc.constantFrom('r1', 'r2') }),
  fc.constantFrom<SupplierOutcome[]>(
    { kind: 'refused' },
    { kind: 'ok' },
    { kind: 'ok' },
    { kind: 'fail' },
    { kind: 'delayed' },
    { kind: 'delayed' },
    { kind: 'transport-error', detail: 'answered 503' },
    { kind: 'transport-error', detail: 'timed out' },
    { kind: 'transport-error', detail: 'answered 429', retryAfterMs: 30 },
  ),
)
type PickedCall = { pick: number; late: number; outcome: SupplierOutcome }
const calls = fc.array(fc.record<PickedCall>({ pick, late: fc.constantFrom(0, 0, 0, 1, 1, -1), outcome }), {
  minLength: 1,
  maxLength: 6,
})

/** Calls for the step that their order is on, for the one before, and for one that has yet to come. */
function callsOf(orders: readonly ModelOrder[], list: readonly PickedCall[]): ModelCall[] {
  return list.map(({ pick, late, outcome }) => {
    const order = pickFrom(orders, isAwaiting, pick)
    return { orderId: order.id, step: order.step - late, outcome }
  })
}

const sku = fc.constantFrom(...SKUS)
const request = fc.record<ModelRequest>({
  sku: fc.oneof({ weight: 12, arbitrary: sku }, { weight: 1, arbitrary: fc.constantFrom('NONE', '?') }),
  qty: fc.oneof(
    { weight: 12, arbitrary: fc.integer({ min: 1, max: 6 }) },
    { weight: 1, arbitrary: fc.constantFrom(0, -1, 1_000_000, 1_000_001) },
  ),
  idempotencyKey: fc.oneof(fc.constant(null), fc.constantFrom('k1', 'k2', 'k3')),
  caller: fc.constantFrom('ann', 'bob'),
})
/** Now and then the first is sent again under its key. */
const requests = fc
  .tuple(fc.array(request, { minLength: 1, maxLength: 5 }), fc.nat(2))
  .map(([list, again]) => [...list, ...Array.from({ length: again }, () => list[0]!)])
const adjustment = fc.record({ sku, delta: fc.integer({ min: -8, max: 8 }) })

// ---- the commands

type Command = fc.AsyncCommand<StockModel, Real>

/** A command that runs on both, and then compares orders and stock. */
function command<Input>(
  name: string,
  input: fc.Arbitrary<Input>,
  act: (model: StockModel, input: Input) => Promise<void>,
  canRun: (model: Pick<StockModel, 'orders' | 'jobs' | 'letters'>) => boolean = () => true,
): fc.Arbitrary<Command> {
  return input.map((value) => ({
    check: canRun,
    run: async (model) => {
      await act(model, value)
      const { orders, items } = await readOrders(real.first.pool)
      expect(orders).toEqual(model.orders.map(visible).sort(byJson))
      expect(items).toEqual([...model.items].map(([sku, item]) => ({ sku, ...item })))
    },
    toString: () => `${name}(${fc.stringify(value)})`,
  }))
}

const createInCalls = command('createOrder', requests, async (model, requests) => {
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
})

const createInBatch = command('createOrders', requests, async (model, all) => {
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
  async (model, { picks, unknown, how }) => {
    const ids = picks.map((pick) => pickFrom(model.orders, isPending, pick).id)
    if (unknown) ids.push(NO_ORDER)
    await run(how, (app) => reserveInventory(app, app === real.first ? ids : ids.toReversed()))
    times(how, () => model.reserve(ids))
  },
  hasOrders,
)

const settle = command(
  'settleSupplierOutcomes',
  fc.record({ calls, how }),
  async (model, { calls, how }) => {
    const list = callsOf(model.orders, calls)
    await run(how, (app) => settleSupplierOutcomes(app, list))
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
  async (model, { adjustment, unknown, expectation, how }) => {
    const { available } = model.items.get(adjustment.sku)!
    const expectedAvailable = expectation === null ? null : available + expectation
    const what = { ...adjustment, ...(unknown && { sku: 'NONE' }), expectedAvailable }
    const results = await run(how, (app) => adjustOnce(app, what))
    // of two at the same time, it is open which comes first
    const order = how === 'at the same time' ? byJson : () => 0
    expect(results.sort(order)).toEqual(times(how, () => model.adjust(what)).sort(order))
  },
)

async function adjustOnce(app: App, adjustment: ModelAdjustment) {
  const { inventoryItem, movement, userErrors } = await adjustInventory(app, LOCAL_OPERATOR, {
    ...adjustment,
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
  async (model, { jobs, how }) => {
    const failures = jobs.map(({ pick, late }) => {
      const order = pickFrom(model.orders, (order) => !isFinal(order), pick)
      const step = isAwaiting(order) ? order.step - late : null
      const task = step === null ? 'reserve-inventory' : 'check-supplier-status'
      return { orderId: order.id, task, step, error: `gave up ${pick}`, attempts: ATTEMPTS_MAX }
    })
    const given = failures.map(({ orderId, task, step, error, attempts }) => {
      const payload = step === null ? { orderId } : { orderId, step }
      return { orderId, deadLetter: { ...({ task, payload } as Job), error, attempts } }
    })
    await run(how, (app) => failOrders(app, given))
    times(how, () => model.fail(failures))
  },
  hasOrders,
)

const retry = command(
  'retryDeadLetters',
  fc.record({ picks, how }),
  async (model, { picks, how }) => {
    // letters have no ids in the model: the n-th of an order is the n-th of the order
    const byOrder = Map.groupBy(await readLetterIds(real.first.pool), ({ orderId }) => orderId)
    const idOf = new Map(
      [...Map.groupBy(model.letters, ({ orderId }) => orderId)].flatMap(([orderId, letters]) =>
        letters.map((letter, n) => [letter, byOrder.get(orderId)![n]!.id] as const),
      ),
    )
    const letters = picks.map((pick) => pickFrom(model.letters, (letter) => !letter.retried, pick))
    const ids = [...letters.map((letter) => idOf.get(letter)!), NO_ORDER, 'nonsense']
    const retried = (await run(how, (app) => retryDeadLetters(app, LOCAL_OPERATOR, ids))).flat()
    const expected = times(how, () => model.retry(letters)).flat()
    expect(retried.sort()).toEqual(expected.map((letter) => idOf.get(letter)!).sort())
  },
  (model) => model.letters.length > 0,
)

const workSome = command(
  'work',
  fc.record({ picks, outcomes: fc.array(outcome, { minLength: 1, maxLength: 3 }), how }),
  async (model, { picks, outcomes, how }) => {
    const jobs = [...new Set(picks.map((pick) => pickFrom(model.jobs, () => true, pick)))]
    await work(model, jobs, outcomes, how)
  },
  hasJobs,
)

/** Plays the worker: runs jobs, more than once when the first to run them died, and takes them out of the queue. */
async function work(model: StockModel, jobs: ModelJob[], outcomes: readonly SupplierOutcome[], how: How) {
  const toReserve = jobs.filter((job) => job.step === null).map((job) => job.orderId)
  const calls = jobs.flatMap(({ orderId, step }, index): ModelCall[] =>
    step === null ? [] : [{ orderId, step, outcome: outcomes[index % outcomes.length]! }],
  )
  const jobIds = await findJobIds(real.first.pool, jobs)
  for (const { orderId, step } of calls) {
    const order = model.find(orderId)!
    const found = await findOrderForSupplierCall(real.first, orderId, step)
    expect(found?.id).toBe(isAwaiting(order) && order.step === step ? orderId : undefined)
  }
  if (toReserve.length > 0) await run(how, (app) => reserveInventory(app, toReserve))
  if (calls.length > 0) await run(how, (app) => settleSupplierOutcomes(app, calls))
  times(how, () => model.reserve(toReserve))
  times(how, () => model.settle(calls))
  await real.first.pool.query(COMPLETE, [jobIds])
  model.removeJobs(jobs)
}

const sweepUp = command(
  'sweep',
  fc.record({
    lost: fc.array(pick, { maxLength: 3 }),
    dead: fc.array(pick, { maxLength: 2 }),
    oldKeys: fc.array(pick, { maxLength: 1 }),
    error: fc.constantFrom('gone', null),
    how,
  }),
  async (model, { lost, dead, oldKeys, error, how }) => {
    const lostJobs = pickJobs(model, lost)
    await real.first.pool.query(COMPLETE, [await findJobIds(real.first.pool, lostJobs)])
    model.removeJobs(lostJobs)
    const deadJobs = pickJobs(model, dead).sort((a, b) => model.jobs.indexOf(a) - model.jobs.indexOf(b))
    await real.first.pool.query(KILL, [await findJobIds(real.first.pool, deadJobs), error])
    const keys =
      model.keys.size === 0 ? [] : oldKeys.map((pick) => pickFrom([...model.keys.keys()], () => true, pick))
    await real.first.pool.query(AGE, [keys])

    const swept = await run(how, (app) => sweep(app))
    const lastError = error ?? 'The process ended during the last attempt'
    const letters = deadJobs.map((job) => ({ job, error: lastError, attempts: ATTEMPTS_MAX }))
    // of two at the same time, one leaves what remains to the other where it finds it at it
    expect(countSwept(swept)).toEqual(model.sweep(letters, keys))
  },
)

function countSwept(sweeps: readonly SweepResult[]) {
  expect(sweeps.flatMap(({ failures, setAside }) => [...failures, ...setAside])).toEqual([])
  return {
    requeued: sweeps.flatMap(({ requeued }) => requeued).length,
    buried: sweeps.flatMap(({ buried }) => buried).length,
    keysDeleted: sweeps.reduce((sum, { keysDeleted }) => sum + keysDeleted, 0),
  }
}

function pickJobs(model: StockModel, picks: readonly number[]): ModelJob[] {
  if (model.jobs.length === 0) return []
  return [...new Set(picks.map((pick) => pickFrom(model.jobs, () => true, pick)))]
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
  async (model, { picks, calls, adjustment, request, skus }) => {
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
      reserveInventory(real.first, ids),
      settleSupplierOutcomes(real.second, list),
      adjustInventory(real.first, LOCAL_OPERATOR, { ...change, reason: 'counted' }),
    ])
    const created = await creating
    model.reserve(ids)
    model.settle(list)
    model.adjust(change)
    const expected = model.answerTo(create)
    if (expected === null) model.create(created.order!.id, create)
    else expect(created.userErrors[0]!.code).toBe(expected)
  },
)

const COMMANDS: fc.Arbitrary<Command>[] = [
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
  sweepUp,
  sideBySide,
]

// ---- what is compared

async function compareAll(model: StockModel): Promise<void> {
  expect(await readAll(real.first.pool)).toEqual({
    events: model.orders
      .flatMap(({ id, events }) => events.map((event, index) => ({ id, version: index + 1, ...event })))
      .sort(byJson),
    // per SKU in its true order; across SKUs there is none
    movements: Object.fromEntries(Map.groupBy(model.ledger, ({ sku }) => sku)),
    jobs: model.jobs.map((job) => ({ ...job })).sort(byJson),
    keys: [...model.keys].map(([key, orderId]) => ({ key, orderId })).sort(byJson),
    letters: model.letters.map((letter) => ({ ...letter })).sort(byJson),
  })
}

function visible({ events, ...order }: ModelOrder): Omit<ModelOrder, 'events'> {
  return order
}

function fromOrder(order: Order): ModelOrder {
  const { id, sku, qty, status, failureReason, version } = order
  const {
    supplierRef: ref,
    supplierStep: step,
    supplierAttempts: attempts,
    supplierRechecks: rechecks,
  } = order
  return { id, sku, qty, status, failureReason, version, ref, step, attempts, rechecks, events: [] }
}

/** Some order or other, the same whatever the order of the keys. */
