import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import type { IfShort } from '../../src/domain/orders/order.ts'
import { createOrder } from '../../src/use-cases/orders/create-order.ts'
import { shipOrder } from '../../src/use-cases/orders/verbs/ship-order.ts'
import { adjustInventory } from '../../src/use-cases/stock/verbs/adjust-inventory.ts'
import { retryDeadLetters } from '../../src/use-cases/upkeep/retry-dead-letters.ts'
import { sweep } from '../../src/use-cases/upkeep/sweep.ts'
import { breakReservations } from '../support/break-reservations.ts'
import { createTestApp, eventually, seed, startTestWorker, type TestApp } from '../support/harness.ts'
import { changeJobs, dropJobs, killJobs, readJobs, untilNoJobs } from '../support/queue.ts'
import { readItem } from '../support/read-stock.ts'
import { reserveOrders } from '../support/reserve-orders.ts'

let test_: TestApp
beforeEach(async () => {
  test_ = await createTestApp()
  await seed(test_.app).item({ sku: 'A' })
  await seed(test_.app).item({ sku: 'POISON', available: 5 })
})
afterEach(() => test_.close())

/** Creates an order of one piece of each SKU. */
async function create(skus: readonly string[], ifShort: IfShort = 'WAIT'): Promise<string> {
  const lines = skus.map((sku) => ({ sku, qty: 1 }))
  const { order } = await createOrder(test_.app, LOCAL_OPERATOR, {
    lines,
    ifShort,
    customerId: null,
    idempotencyKey: null,
  })
  return order!.id
}

async function wait(skus: readonly string[], ifShort?: IfShort): Promise<string> {
  const id = await create(skus, ifShort)
  await reserveOrders(test_.app, [id])
  return id
}

async function statusesOf(ids: readonly string[]): Promise<string[]> {
  const orders = await test_.app.prisma.order.findMany({ where: { id: { in: [...ids] } } })
  return ids.map((id) => orders.find((order) => order.id === id)!.status)
}

/** Waits until the job of a queue has failed so many times and is due again later, and has it come at once. */
async function untilTried(attempts: number): Promise<void> {
  await eventually(async () => {
    const jobs = await readJobs(test_.app.pool, { task: 'serve-waiting' })
    return jobs.length === 1 && jobs[0]!.attempts === attempts && jobs[0]!.heldBy === null && jobs[0]!.error
  })
  await changeJobs(test_.app.pool, { dueInMs: 0 }, { task: 'serve-waiting' })
}

const marks = async () => (await test_.app.pool.query('select sku from serving')).rows

test('who cannot be served fails alone after some tries, and those behind it are served', async () => {
  const { app } = test_
  const [first, waiting, behind] = [await wait(['A']), await wait(['A', 'POISON']), await wait(['A'])]
  await dropJobs(app.pool)
  await seed(app).stock({ sku: 'A', qty: 4 })
  const [pending, last] = [await wait(['POISON', 'A'], 'FAIL'), await wait(['A'], 'FAIL')]
  const mend = await breakReservations(app, 'POISON')
  const ids = [first, waiting, behind, pending, last]
  const worker = await startTestWorker(test_)
  await untilTried(1)
  expect(await statusesOf(ids)).toEqual([...Array(3).fill('AWAITING_RESTOCK'), 'PENDING', 'PENDING'])
  await untilTried(2)
  await untilNoJobs(app.pool)
  expect(await statusesOf(ids)).toEqual(['RESERVED', 'FAILED', 'RESERVED', 'FAILED', 'RESERVED'])
  expect(await marks()).toEqual([])
  const letters = await app.prisma.deadLetter.findMany({ orderBy: { orderId: 'asc' } })
  expect(letters).toMatchObject(
    [waiting, pending].map((orderId) => ({
      orderId,
      task: 'serve-waiting',
      attempts: 3,
      error: expect.stringContaining('broken'),
    })),
  )
  const failed = await app.prisma.order.findMany({ where: { status: 'FAILED' } })
  expect(failed.map(({ failureReason }) => failureReason)).toEqual(['INTERNAL_ERROR', 'INTERNAL_ERROR'])
  expect(await readItem(app, 'A')).toMatchObject({ available: 1n, reserved: 3n })
  // the queue is open again, and so are the orders once an operator wants them
  await mend()
  expect(await retryDeadLetters(app, LOCAL_OPERATOR, [letters[0]!.id])).toEqual([letters[0]!.id])
  await untilNoJobs(app.pool)
  expect(await statusesOf([waiting])).toEqual(['RESERVED'])
  await worker.stop()
})

/** Has every event of an order fail in the database, until what it gives is called. */
async function breakOrder(id: string): Promise<() => Promise<unknown>> {
  const { pool } = test_.app
  await pool.query(`
    create function break_order() returns trigger language plpgsql as $$ begin raise 'broken'; end $$;
    create trigger break_order before insert on order_events
      for each row when (new.order_id = '${id}') execute function break_order()`)
  return () => pool.query('drop function break_order cascade')
}

/** An order of which a part was shipped, and that lost its promise for the rest. */
async function waitForTheRest(): Promise<string> {
  const { app } = test_
  await seed(app).stock({ sku: 'A', qty: 2 })
  const { id } = await seed(app).order({ sku: 'A', qty: 2 })
  await reserveOrders(app, [id])
  await shipOrder(app, LOCAL_OPERATOR, { id, lines: [{ sku: 'A', qty: 1 }] })
  const change = { sku: 'A', delta: -1, reason: 'broken', onShortfall: 'UNRESERVE_NEWEST' } as const
  await adjustInventory(app, LOCAL_OPERATOR, { ...change, expectedAvailable: null })
  return id
}

test.each([
  ['of which a part was shipped', 'PARTIALLY_SHIPPED', waitForTheRest],
  ['whose failure cannot be written', 'AWAITING_RESTOCK', () => wait(['A'])],
])('an order %s, and that cannot be served, holds up nobody but itself', async (_, status, make) => {
  const { app } = test_
  const stuck = await make()
  const behind = await wait(['A'])
  await dropJobs(app.pool)
  const mend = await breakOrder(stuck)
  await seed(app).stock({ sku: 'A', qty: 5 })
  const error = vi.spyOn(app.logger, 'error')
  const worker = await startTestWorker(test_)
  await untilTried(1)
  await untilTried(2)
  await untilNoJobs(app.pool)
  expect(await statusesOf([stuck, behind])).toEqual([status, 'RESERVED'])
  expect(await marks()).toEqual([])
  const named = () =>
    error.mock.calls.filter(([fields]) => (fields as { orderId?: string }).orderId === stuck)
  expect(named()).toHaveLength(1)
  // new ones find no mark, and the sweep brings none before its time
  expect(await statusesOf([await wait(['A'], 'FAIL')])).toEqual(['RESERVED'])
  expect(await sweep(app)).toMatchObject({ queues: [], failures: [] })
  // looked at again it is found at once, not after some tries
  const isDue = () =>
    app.pool.query("update orders set passed_over_until = now() - interval '1 s' where id = $1", [stuck])
  await isDue()
  expect(await sweep(app)).toMatchObject({ queues: ['A'] })
  await untilNoJobs(app.pool)
  expect(named()).toHaveLength(2)
  expect(await marks()).toEqual([])
  // and served once it can be
  await mend()
  await isDue()
  await sweep(app)
  await untilNoJobs(app.pool)
  const { rows } = await app.pool.query('select reserved from order_lines where order_id = $1', [stuck])
  expect(rows).toEqual([{ reserved: 1 }])
  await worker.stop()
  error.mockRestore()
})

test('of a queue in which nobody can be served, only some fail with each try', async () => {
  const { app } = test_
  const ids: string[] = []
  for (let count = 0; count < 14; count++) ids.push(await create(['A']))
  await reserveOrders(app, ids)
  await dropJobs(app.pool)
  await seed(app).stock({ sku: 'A', qty: 20 })
  const mend = await breakReservations(app, 'A')
  await changeJobs(app.pool, { attempts: 2 })
  const worker = await startTestWorker(test_)
  await untilTried(3)
  expect(await statusesOf(ids)).toEqual([...Array(10).fill('FAILED'), ...Array(4).fill('AWAITING_RESTOCK')])
  await mend()
  await untilNoJobs(app.pool)
  expect(await statusesOf(ids.slice(10))).toEqual(Array(4).fill('RESERVED'))
  await worker.stop()
})

test('a queue whose job has used up its tries gets another one by the sweep, without its first and its new orders', async () => {
  const { app } = test_
  const [first, id] = [await wait(['A']), await wait(['A'])]
  await dropJobs(app.pool)
  await seed(app).stock({ sku: 'A', qty: 1 })
  const pending = await wait(['A'])
  await app.pool.query(`update orders set created_at = now() - interval '1 hour' where id = $1`, [pending])
  const late = await wait(['A'])
  await killJobs(app.pool, 'broken', { task: 'serve-waiting' })
  expect(await sweep(app)).toMatchObject({ queues: ['A'], buried: [first, pending], setAside: [] })
  expect(await statusesOf([first, id, pending, late])).toEqual([
    'FAILED',
    'AWAITING_RESTOCK',
    'FAILED',
    'PENDING',
  ])
  expect(await readJobs(app.pool, { task: 'serve-waiting' })).toMatchObject([{ attempts: 0, attemptsMax: 8 }])
  const worker = await startTestWorker(test_)
  await untilNoJobs(app.pool)
  expect(await statusesOf([id, late])).toEqual(['RESERVED', 'AWAITING_RESTOCK'])
  expect(await marks()).toEqual([])
  await worker.stop()
})

test('an order that waits for its turn is in no queue of a SKU that nobody serves', async () => {
  const { app } = test_
  await seed(app).item({ sku: 'B', available: 1 })
  const first = await wait(['A'])
  await seed(app).stock({ sku: 'A', qty: 2 })
  const both = await wait(['A', 'B'])
  // newer ones of B do not wait for it
  const onlyB = await wait(['B'])
  expect(await statusesOf([first, both, onlyB])).toEqual(['AWAITING_RESTOCK', 'PENDING', 'RESERVED'])
  expect((await sweep(app)).queues).toEqual([])
  const worker = await startTestWorker(test_)
  await untilNoJobs(app.pool)
  expect(await statusesOf([first, both])).toEqual(['RESERVED', 'AWAITING_RESTOCK'])
  const { rows } = await app.pool.query(
    'select sku, queued_qty from order_lines where order_id = $1 order by 1',
    [both],
  )
  expect(rows).toEqual([
    { sku: 'A', queued_qty: 1 },
    { sku: 'B', queued_qty: 1 },
  ])
  await worker.stop()
})
