import { afterAll, beforeAll, beforeEach, expect, vi } from 'vitest'
import type { App } from '../../src/create-app.ts'
import { LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import { releaseUnheldJobs } from '../../src/sql/queue/release-jobs.ts'
import { failOrders } from '../../src/use-cases/orders/fail-orders.ts'
import { serveWaiting } from '../../src/use-cases/orders/serve-waiting.ts'
import { cancelOrder } from '../../src/use-cases/orders/verbs/cancel-order.ts'
import { retryDeadLetters } from '../../src/use-cases/upkeep/retry-dead-letters.ts'
import { test } from '../support/fixtures.ts'
import { seed, startTestWorker, type TestApp } from '../support/harness.ts'
import { changeJobs, untilNoJobs } from '../support/queue.ts'
import { readItem, readRequest } from '../support/read-stock.ts'
import { reserveOrders } from '../support/reserve-orders.ts'
import { playSupplier } from '../support/supplier.ts'

const supplier = playSupplier()
beforeAll(() => supplier.start())
afterAll(() => supplier.stop())
beforeEach(() => supplier.follow({}))

/** An order of 7 whose supplier is to be asked. */
async function asking(app: App): Promise<string> {
  await seed(app).item({ sku: 'SCARCE' })
  const { id } = await seed(app).order({ sku: 'SCARCE', qty: 7 })
  await reserveOrders(app, [id])
  return id
}

/** Lets a worker do all that is to be done. @returns the kinds of calls that it made */
async function work(testApp: TestApp): Promise<string[]> {
  const worker = await startTestWorker(testApp)
  await untilNoJobs(testApp.app.pool)
  await worker.stop()
  return supplier.calls.map(({ kind }) => kind)
}

test.for<[string, (app: App, id: string) => Promise<unknown>]>([
  ['was cancelled', (app, id) => cancelOrder(app, LOCAL_OPERATOR, { id })],
  [
    'was served from stock',
    async (app) => {
      await seed(app).stock({ sku: 'SCARCE', qty: 7 })
      await serveWaiting(app, { sku: 'SCARCE' })
    },
  ],
])('a supplier is not asked for a line that %s before the first call', async ([, end], { testApp, app }) => {
  const id = await asking(app)
  await end(app, id)
  expect(await work(testApp)).toEqual([])
  expect(await readRequest(app, id)).toBeUndefined()
})

const away = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })

test.for<[string, (app: App) => Promise<unknown>]>([
  ['failed once', (app) => changeJobs(app.pool, { attempts: 1 })],
  ['died with its worker', (app) => changeJobs(app.pool, { deaths: 1 })],
  [
    'was given back',
    async (app) => {
      await changeJobs(app.pool, { heldBy: 'pool-1', attempts: 1 })
      await releaseUnheldJobs(app.pool, ['pool-1'], [], 0)
    },
  ],
])(
  'a supplier that may have taken the order from a call that %s is asked, and its goods are free stock',
  async ([, begin], { testApp, app }) => {
    const id = await asking(app)
    await begin(app)
    await cancelOrder(app, LOCAL_OPERATOR, { id })
    expect(await work(testApp)).toEqual(['reserve', 'status'])
    expect(await readRequest(app, id)).toMatchObject({ state: 'DELIVERED' })
    expect(await readItem(app, 'SCARCE')).toMatchObject({ available: 7n, reserved: 0n })
  },
)

test('a supplier whose answer came while the database was away is asked again', async ({ testApp, app }) => {
  const id = await asking(app)
  const submit = vi.spyOn(app.groups.settleSupplierOutcome, 'submit').mockImplementationOnce(async () => {
    await cancelOrder(app, LOCAL_OPERATOR, { id })
    throw away
  })
  expect(await work(testApp)).toEqual(['reserve', 'reserve', 'status'])
  expect(submit).toHaveBeenCalledTimes(3)
  expect(await readItem(app, 'SCARCE')).toMatchObject({ available: 7n, reserved: 0n })
})

/** An order of two lines that is opened again after it failed before anybody was asked for its second line. */
async function openedAgain(testApp: TestApp): Promise<string> {
  const { app } = testApp
  for (const sku of ['ONE', 'TWO']) await seed(app).item({ sku })
  const { id } = await seed(app).order({
    lines: [
      ['ONE', 1],
      ['TWO', 2],
    ],
  })
  await reserveOrders(app, [id])
  const payload = { orderId: id, sku: 'ONE', step: 1 }
  await failOrders(app, [{ task: 'request-supplier', payload, error: 'x', attempts: 8 }])
  expect(await work(testApp)).toEqual([])
  expect(await readRequest(app, id, 'TWO')).toBeUndefined()
  const letters = await app.prisma.deadLetter.findMany({ where: { orderId: id } })
  await retryDeadLetters(
    app,
    LOCAL_OPERATOR,
    letters.map((letter) => letter.id),
  )
  return id
}

test('an order that is opened again asks for what nobody was asked for while it had failed', async ({
  testApp,
  app,
}) => {
  const id = await openedAgain(testApp)
  expect(await work(testApp)).toHaveLength(4)
  expect(await app.prisma.order.findUnique({ where: { id } })).toMatchObject({ status: 'RESERVED' })
})

test('an order that is opened again and cancelled does not ask for what nobody was asked for before', async ({
  testApp,
  app,
}) => {
  const id = await openedAgain(testApp)
  await reserveOrders(app, [id])
  await cancelOrder(app, LOCAL_OPERATOR, { id })
  expect(await work(testApp)).toEqual(['reserve', 'status'])
  expect(await readRequest(app, id, 'ONE')).toMatchObject({ state: 'DELIVERED' })
  expect(await readRequest(app, id, 'TWO')).toBeUndefined()
})
