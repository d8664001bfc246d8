import { setTimeout as sleep } from 'node:timers/promises'
import { v7 as uuidv7 } from 'uuid'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import type { JobRun } from '../../src/domain/jobs.ts'
import { findBreaches } from '../../src/sql/find-breaches.ts'
import { insertOrders } from '../../src/sql/insert-orders.ts'
import type { Worker } from '../../src/tasks/worker.ts'
import { createOrder } from '../../src/use-cases/create-orders.ts'
import { breakReservations } from '../support/break-reservations.ts'
import {
  createTestApp,
  eventually,
  joinTestApp,
  seed,
  startTestWorker,
  type TestApp,
} from '../support/harness.ts'
import { playSupplier } from '../support/supplier.ts'

const supplier = playSupplier()
beforeAll(() => supplier.start())
afterAll(() => supplier.stop())

let test_: TestApp
let workers: Worker[]
beforeEach(async () => {
  test_ = await createTestApp()
  workers = []
})
afterEach(async () => {
  await Promise.all(workers.map((worker) => worker.stop()))
  expect(await findBreaches(test_.app.pool)).toEqual([])
  await test_.close()
})

/** Starts a worker, which has looked for jobs. */
const work = async (on = test_) => {
  workers.push(await startTestWorker(on))
  await eventually(() => on.app.headStart.isPossible())
}

/** Orders at once, and so in one intake. */
const order = (count: number, sku?: string) =>
  Promise.all(Array.from({ length: count }, () => seed(test_.app).order(sku ? { sku } : {})))

const statusOf = async (id: string) =>
  (await test_.app.prisma.order.findUniqueOrThrow({ where: { id } })).status

const reserved = (ids: string[]) =>
  eventually(async () => {
    const count = await test_.app.prisma.order.count({ where: { id: { in: ids }, status: 'RESERVED' } })
    return count === ids.length
  })

/** Jobs that wait or run, with what tells of their tries. */
async function readJobs() {
  const { rows } = await test_.app.pool.query<{ isDue: boolean; attempts: number }>(
    `select run_at <= now() as "isDue", attempts from graphile_worker.jobs order by id`,
  )
  return rows
}

/** Holds every reservation up until it is released. */
async function lockStock() {
  const client = await test_.app.pool.connect()
  await client.query('begin')
  await client.query('select from inventory_items for update')
  return {
    release: async () => {
      await client.query('commit')
      client.release()
    },
  }
}

/** Runs of jobs that are told of from now on. */
function hearOfRuns(): JobRun[] {
  const runs: JobRun[] = []
  const { onJobRun } = test_.app
  test_.app.onJobRun = (run) => {
    runs.push(run)
    onJobRun(run)
  }
  return runs
}

test('a process that works reserves what it has created, and nobody fetches the jobs', async () => {
  await seed(test_.app).item({ available: 100 })
  await work()
  const runs = hearOfRuns()
  const fetched = vi.spyOn(test_.app.jobsUnderWay, 'begin')
  const orders = await order(20)
  await reserved(orders.map(({ id }) => id))
  await eventually(() => runs.length === 20)
  expect(await readJobs()).toEqual([])
  expect(runs.map(({ task, outcome, attempt }) => ({ task, outcome, attempt }))).toEqual(
    Array(20).fill({ task: 'reserve-inventory', outcome: 'done', attempt: 1 }),
  )
  expect(new Set(runs.map(({ orderId }) => orderId))).toEqual(new Set(orders.map(({ id }) => id)))
  expect(runs.every(({ origin }) => origin?.caller !== undefined)).toBe(true)
  expect(fetched).toHaveBeenCalledTimes(20)
})

test('nobody looks for the jobs of orders that have a head start, and who else writes some is heard', async () => {
  await seed(test_.app).item({ available: 100 })
  await work()
  const other = await joinTestApp(test_)
  const heard: boolean[] = []
  const { headStart } = test_.app
  const takeExpected = headStart.takeExpected.bind(headStart)
  vi.spyOn(headStart, 'takeExpected').mockImplementation((count) => {
    const isExpected = takeExpected(count)
    heard.push(isExpected)
    return isExpected
  })
  for (const app of [test_.app, other.app, test_.app, other.app]) {
    const { id } = await seed(app).order()
    await reserved([id])
  }
  await eventually(() => heard.length === 4)
  expect(heard.toSorted()).toEqual([false, false, true, true])
  // of two orders one is taken, so that only one job is heard of
  const { id } = await seed(test_.app).order()
  const taken = { sku: 'NONE', qty: 1, idempotencyKey: null, customerId: null }
  await Promise.all([createOrder(test_.app, LOCAL_OPERATOR, taken), seed(test_.app).order()])
  await reserved([id])
  await eventually(async () => (await readJobs()).length === 0)
  const left = [1, 2, 3].map((count) => takeExpected(count))
  expect(left).toEqual([false, false, false])
  await other.close()
})

test('what goes to the supplier goes there as from a job', async () => {
  await seed(test_.app).item({ available: 0 })
  await work()
  const { id } = await seed(test_.app).order()
  await reserved([id])
  expect(await test_.app.prisma.orderEvent.findMany({ where: { orderId: id } })).toHaveLength(3)
})

test('a process that only serves leaves its orders to the workers, at once', async () => {
  await seed(test_.app).item({ available: 5 })
  await order(2)
  expect(await readJobs()).toEqual([
    { isDue: true, attempts: 0 },
    { isDue: true, attempts: 0 },
  ])
})

test('so does one whose worker has stopped', async () => {
  await seed(test_.app).item({ available: 5 })
  await work()
  await workers.pop()!.stop()
  await order(1)
  expect(await readJobs()).toEqual([{ isDue: true, attempts: 0 }])
})

test('orders join the end of a backlog: none is reserved before those that came first', async () => {
  await seed(test_.app).item({ available: 5 })
  const early = (await order(5)).map(({ id }) => id)
  const holder = await lockStock()
  workers.push(await startTestWorker(test_, { concurrency: 3 }))
  await eventually(async () => (await readJobs()).filter(({ attempts }) => attempts > 0).length >= 3)
  const late = (await order(5)).map(({ id }) => id)
  expect((await readJobs()).every(({ isDue }) => isDue)).toBe(true)
  await holder.release()
  await eventually(async () => (await statusOf(late[4]!)) !== 'PENDING')
  for (const id of early) expect(await statusOf(id)).toBe('RESERVED')
})

test('nor between the batches of a backlog, when little is under way', async () => {
  await seed(test_.app).item({ available: 50 })
  const early = (await order(40)).map(({ id }) => id)
  const possible: boolean[] = []
  const { onEvents } = test_.app
  test_.app.onEvents = (events) => {
    onEvents(events)
    for (const turns of [1, 5, 20]) {
      let left = turns
      const look = () =>
        void (left-- > 0 ? setImmediate(look) : possible.push(test_.app.headStart.isPossible()))
      look()
    }
  }
  workers.push(await startTestWorker(test_, { concurrency: 4 }))
  await reserved(early)
  // the last fetch found less than it may take
  expect(possible.slice(0, 15)).not.toContain(true)
  await eventually(() => test_.app.headStart.isPossible())
})

test('orders of a process that dies right after their commit are reserved by others a little later', async () => {
  await seed(test_.app).item({ available: 5 })
  await work()
  vi.spyOn(test_.app.headStart, 'run').mockReturnValue(undefined)
  const ids = (await order(3)).map(({ id }) => id)
  expect((await readJobs()).map(({ isDue }) => isDue)).toEqual([false, false, false])
  await workers.pop()!.stop()
  const other = await joinTestApp(test_)
  await work(other)
  await reserved(ids)
  await workers.pop()!.stop()
  await other.close()
})

test('an order that cannot be reserved keeps its job, with all of its tries, and fails alone', async () => {
  await seed(test_.app).item({ sku: 'SOUND', available: 5 })
  await seed(test_.app).item({ sku: 'BROKEN', available: 5 })
  const mend = await breakReservations(test_.app, 'BROKEN')
  await work()
  const runs = hearOfRuns()
  const [sound, broken] = (await Promise.all([order(3, 'SOUND'), order(1, 'BROKEN')])).map((orders) =>
    orders.map(({ id }) => id),
  ) as [string[], string[]]
  await reserved(sound)
  expect(await statusOf(broken[0]!)).toBe('PENDING')
  expect(await readJobs()).toEqual([{ isDue: false, attempts: 0 }])
  expect(runs.map(({ outcome }) => outcome).toSorted()).toEqual(['done', 'done', 'done', 'failed'])
  expect(runs.find(({ outcome }) => outcome === 'failed')).toMatchObject({ orderId: broken[0] })
  await mend()
  await reserved(broken)
  await eventually(async () => (await readJobs()).length === 0)
  // by its job, whose first try that was
  expect(runs.at(-1)).toMatchObject({ orderId: broken[0], outcome: 'done', attempt: 1 })
  expect(runs).toHaveLength(5)
})

test('a job that falls due while its order waits for a lock is not run as well', async () => {
  await seed(test_.app).item({ available: 5 })
  await work()
  const holder = await lockStock()
  const runs = hearOfRuns()
  const ids = (await order(2)).map(({ id }) => id)
  await eventually(async () => (await readJobs()).every(({ isDue }) => isDue))
  // twice as long as a worker takes to look
  await sleep(200)
  await holder.release()
  await reserved(ids)
  await eventually(async () => (await readJobs()).length === 0)
  expect(runs.map(({ orderId }) => orderId).toSorted()).toEqual(ids.toSorted())
  const item = await test_.app.prisma.inventoryItem.findUniqueOrThrow({ where: { sku: 'GIZMO' } })
  expect(item).toMatchObject({ available: 3n, reserved: 2n })
})

test('a process that stops finishes what it has begun', async () => {
  await seed(test_.app).item({ available: 5 })
  await work()
  const holder = await lockStock()
  const ids = (await order(3)).map(({ id }) => id)
  const stopping = workers.pop()!.stop()
  await holder.release()
  await stopping
  await test_.app.groups.reserveInventory.settled()
  await reserved(ids)
  expect(await readJobs()).toEqual([])
})

test('an order completes its own job, whatever else came in with it', async () => {
  await seed(test_.app).item({ available: 10 })
  await work()
  const ask = (sku: string, key: string | null) =>
    createOrder(test_.app, LOCAL_OPERATOR, { sku, qty: 1, idempotencyKey: key, customerId: null })
  await ask('GIZMO', 'taken')
  await eventually(async () => (await readJobs()).length === 0)
  const run = vi.spyOn(test_.app.headStart, 'run')
  const results = await Promise.all([
    ask('NONE', null),
    ask('GIZMO', null),
    ask('GIZMO', 'taken'),
    ask('GIZMO', 'free'),
    ask('NONE', null),
    ask('GIZMO', null),
  ])
  const ids = [1, 3, 5].map((index) => results[index]!.order!.id)
  expect(run.mock.calls.map(([orderId]) => orderId)).toEqual(ids)
  expect(new Set(run.mock.calls.map(([, jobId]) => jobId)).size).toBe(3)
  await reserved(ids)
  await eventually(async () => (await readJobs()).length === 0)
})

test('a job is that of its order', async () => {
  await seed(test_.app).item({ available: 5 })
  const orders = [1, 2, 3].map(() => ({ id: uuidv7(), sku: 'GIZMO', qty: 1, customerId: null, key: null }))
  // in no order of their ids
  const input = [2, 0, 1].map((index) => ({ ...orders[index]!, origin: { caller: 'test' } }))
  const task = { createdAt: new Date(), task: 'reserve-inventory', attemptsMax: 8, delayMs: 60_000 }
  const insertions = await insertOrders(test_.app.pool, input, task)
  const { rows } = await test_.app.pool.query(
    `select id::text as "jobId", payload ->> 'orderId' as id from graphile_worker._private_jobs`,
  )
  const jobOf = new Map(rows.map(({ id, jobId }) => [id, jobId]))
  expect(insertions.map((one) => one.outcome === 'created' && one.jobId)).toEqual(
    input.map(({ id }) => jobOf.get(id)),
  )
  await test_.app.pool.query('update graphile_worker._private_jobs set run_at = now()')
})
