import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import type { JobRun } from '../../src/domain/jobs.ts'
import { findBreaches } from '../../src/sql/find-breaches.ts'
import { jobsDone } from '../../src/tasks/head-start.ts'
import type { Worker } from '../../src/tasks/worker.ts'
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

const work = async (on = test_) => workers.push(await startTestWorker(on))

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

/** Breaks every reservation of a SKU until it is called. */
async function breakReservations(sku: string): Promise<() => Promise<unknown>> {
  const { pool } = test_.app
  await pool.query(`
    create function refuse() returns trigger language plpgsql as $$ begin raise 'broken'; end $$;
    create trigger refuse before update on inventory_items
      for each row when (new.sku = '${sku}') execute function refuse()`)
  return () => pool.query('drop trigger refuse on inventory_items')
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

test('orders of a process that dies right after their commit are reserved by others a little later', async () => {
  await seed(test_.app).item({ available: 5 })
  await work()
  vi.spyOn(test_.app.headStart, 'run').mockReturnValue(undefined)
  const ids = (await order(3)).map(({ id }) => id)
  expect((await readJobs()).map(({ isDue }) => isDue)).toEqual([false, false, false])
  const other = await joinTestApp(test_)
  await work(other)
  await reserved(ids)
  await workers.pop()!.stop()
  await other.close()
})

test('an order that cannot be reserved keeps its job, with all of its tries, and fails alone', async () => {
  await seed(test_.app).item({ sku: 'SOUND', available: 5 })
  await seed(test_.app).item({ sku: 'BROKEN', available: 5 })
  const mend = await breakReservations('BROKEN')
  await work()
  const runs = hearOfRuns()
  const [sound, broken] = (await Promise.all([order(3, 'SOUND'), order(1, 'BROKEN')])).map((orders) =>
    orders.map(({ id }) => id),
  ) as [string[], string[]]
  await reserved(sound)
  expect(await statusOf(broken[0]!)).toBe('PENDING')
  // the orders share an intake, so the jobs of all of them are still there
  expect(await readJobs()).toEqual(Array(4).fill({ isDue: false, attempts: 0 }))
  expect(runs.map(({ outcome }) => outcome)).toEqual(['done', 'done', 'done'])
  await mend()
  await reserved(broken)
  await eventually(async () => (await readJobs()).length === 0)
  // by its job, whose first try that was
  expect(runs.find(({ orderId }) => orderId === broken[0])).toMatchObject({ outcome: 'done', attempt: 1 })
})

test('a job that falls due while its order waits for a lock moves the stock once', async () => {
  await seed(test_.app).item({ available: 5 })
  await work()
  const holder = await lockStock()
  const ids = (await order(2)).map(({ id }) => id)
  await eventually(async () => (await readJobs()).every(({ attempts }) => attempts === 1))
  await holder.release()
  await reserved(ids)
  await eventually(async () => (await readJobs()).length === 0)
  const item = await test_.app.prisma.inventoryItem.findUniqueOrThrow({ where: { sku: 'GIZMO' } })
  expect(item).toMatchObject({ available: 3n, reserved: 2n })
})

test('jobs are done once all orders of their intake are', () => {
  const [first, second] = [
    { size: 2, jobs: '{1,2}' },
    { size: 1, jobs: '{3}' },
  ]
  const of = (intake: typeof first, orderId: string) => ({ orderId, intake: intake! })
  expect(jobsDone([of(first, 'a'), of(second, 'b'), { orderId: 'c' }])).toEqual(['{3}'])
  expect(jobsDone([of(first, 'a'), of(first, 'd'), of(second, 'b')])).toEqual(['{1,2}', '{3}'])
})
