import { randomInt } from 'node:crypto'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { findBreaches } from '../../src/sql/upkeep/find-breaches.ts'
import { expireHolds } from '../../src/use-cases/orders/expire-holds.ts'
import { sweep } from '../../src/use-cases/upkeep/sweep.ts'
import { createTestApp, joinTestApp, seed, type TestApp } from '../support/harness.ts'
import { COMMANDS } from './commands.ts'
import { LOCATIONS, SKUS } from './inputs.ts'
import { isFinal, isOpen } from './model-data.ts'
import { allOf, EMPTY, readAll } from './read-state.ts'
import type { Real } from './real.ts'
import { serveWaiting } from './reserving.ts'
import { adjustLevel } from './stock-keeping.ts'
import { StockModel } from './stock-model.ts'
import { endHolds, sweepJobs } from './upkeep.ts'
import { countSwept } from './upkeep-commands.ts'
import { serveQueues, work } from './work.ts'

// MODEL_SEED repeats a test; MODEL_PATH and MODEL_REPLAY, both printed with a failure, go straight to its smallest case. In CI
// every run is the same, so that what fails there is what was changed; elsewhere each looks where none has been
const RUNS = Number(process.env.MODEL_RUNS ?? 1_000)
const SEED = Number(process.env.MODEL_SEED ?? (process.env.CI ? 1 : randomInt(2 ** 31)))
const { MODEL_PATH: PATH, MODEL_REPLAY: REPLAY } = process.env

/** A run has any number up to it, 15 on average: fewer find less, more take time from other runs. */
const COMMANDS_MAX = 30
/** Three times what a busy machine takes, and time to shrink a failure. */
const TIME_MAX_MS = RUNS * 500 + 60_000
/** What `random` gives: the jitter of a retry is a half of its bound. */
const RANDOM = 0.5

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
    const stock = fc.tuple(...SKUS.map(() => fc.tuple(fc.oneof(fc.nat(12), fc.nat(4)), fc.nat(4), fc.nat(4))))
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
async function start(available: readonly (readonly number[])[]): Promise<StockModel> {
  await real.first.pool.query(EMPTY)
  const model = new StockModel(real.first.supplierPolicy, RANDOM)
  for (const code of LOCATIONS) {
    await seed(real.first).location(code)
    model.saveLocation(code, 100, true)
  }
  for (const [index, sku] of SKUS.entries()) {
    const [inMain, ...elsewhere] = available[index]!
    await seed(real.first).item({ sku, available: inMain! })
    model.addItem(sku, inMain!)
    for (const [place, qty] of elsewhere.entries()) {
      if (qty === 0) continue
      const change = { sku, location: LOCATIONS[place]!, qty }
      await seed(real.first).stock(change)
      adjustLevel(model, { ...change, delta: qty, expectedAvailable: null })
    }
  }
  return model
}

/** Nothing is broken, and every order comes to its end or waits for stock once its jobs run, whatever happened before. */
async function finish(model: StockModel): Promise<void> {
  expect((await expireHolds(real.first)).expired).toBe(endHolds(model))
  expect(countSwept([await sweep(real.first)])).toEqual(sweepJobs(model, [], []))
  await serveQueues(real, 'in turn')
  serveWaiting(model)
  expect(await findBreaches(real.first.pool)).toEqual([])
  while (model.jobs.length > 0) {
    await work(model, real, [...model.jobs], [{ kind: 'delayed' }], 'once')
    await serveQueues(real, 'in turn')
    serveWaiting(model)
  }
  // nobody brings those that wait for stock what there is not
  const open = model.orders.filter((order) => !isFinal(order))
  expect(open.filter(({ status, ifShort }) => status === 'PENDING' || ifShort !== 'WAIT')).toEqual([])
  expect(model.requests.filter(isOpen)).toEqual([])
  await compareAll(model)
  expect(await findBreaches(real.first.pool)).toEqual([])
}

async function compareAll(model: StockModel): Promise<void> {
  expect(await readAll(real.first.pool)).toEqual(allOf(model))
}
