import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { describe, expect, vi } from 'vitest'
import type { App } from '../../src/create-app.ts'
import { STATEMENT_TIMEOUT_MS } from '../../src/limits.ts'
import type { Supplier } from '../../src/supplier/contract.ts'
import { RESERVATION_CONCURRENCY } from '../../src/tasks/job-pool.ts'
import { test } from '../support/fixtures.ts'
import { eventually, joinTestApp, seed, startTestWorker, type TestApp } from '../support/harness.ts'
import { readJobs, untilNoJobs } from '../support/queue.ts'
import { reserveOrders } from '../support/reserve-orders.ts'
import { listenAt } from '../support/webhooks.ts'

test.beforeEach(async ({ app }) => {
  await seed(app).item({ sku: 'A', available: 1_000 })
  await seed(app).item({ sku: 'SCARCE' })
})

/** Reservations under way, and as many more that are fetched. */
const HELD_MAX = 2 * RESERVATION_CONCURRENCY

/** Orders with a job each: placed one after the other, for those of one commit would share one. */
async function placeBacklog(app: App, count: number, sku = 'A'): Promise<string[]> {
  const ids: string[] = []
  while (ids.length < count) ids.push((await seed(app).order({ sku })).id)
  return ids
}

/** Has all reservations of an application hang, until what it gives is called. */
function holdReservations({ app }: TestApp): () => void {
  const { promise, resolve } = Promise.withResolvers<void>()
  const submit = app.groups.reserveInventory.submit.bind(app.groups.reserveInventory)
  const spy = vi
    .spyOn(app.groups.reserveInventory, 'submit')
    .mockImplementation((item) => promise.then(() => submit(item)))
  return () => {
    spy.mockRestore()
    resolve()
  }
}

/** A supplier that answers nobody until it is let go, and then refuses. */
function hangingSupplier() {
  const { promise, resolve } = Promise.withResolvers<void>()
  const asked: string[] = []
  const supplier: Supplier = {
    reserve: async ({ id }) => {
      asked.push(id)
      await promise
      return { kind: 'refused' }
    },
    checkStatus: () => Promise.reject(new Error('nothing was accepted')),
    close: async () => {},
  }
  return { supplier, asked, letGo: resolve }
}

const countOrders = (app: App, status: 'RESERVED' | 'AWAITING_RESTOCK' | 'FAILED', ids: readonly string[]) =>
  app.prisma.order.count({ where: { id: { in: [...ids] }, status } })

describe('of a long backlog a worker', () => {
  test('holds what it works on soon, and another does the rest', async ({ app, testApp }) => {
    const ids = await placeBacklog(app, HELD_MAX + 40)
    const letGo = holdReservations(testApp)
    const first = await startTestWorker(testApp)
    const { pool } = app
    await eventually(async () => (await readJobs(pool, { isHeld: true })).length >= HELD_MAX)

    const other = await joinTestApp(testApp)
    const second = await startTestWorker(other)
    // every job but those that the first holds, and it has had all the time to take more
    await eventually(async () => (await countOrders(app, 'RESERVED', ids)) === ids.length - HELD_MAX)
    await eventually(async () => (await readJobs(pool)).length === HELD_MAX)
    const left = await readJobs(pool)
    expect(new Set(left.map(({ heldBy }) => heldBy)).size).toBe(1)
    expect(await countOrders(app, 'RESERVED', ids)).toBe(ids.length - HELD_MAX)

    letGo()
    await eventually(async () => (await countOrders(app, 'RESERVED', ids)) === ids.length)
    await untilNoJobs(pool)
    await Promise.all([first.stop(), second.stop()])
    await other.close()
  })

  test('of reservations leaves places for calls to the supplier', async ({ app, testApp }) => {
    const short = await placeBacklog(app, 3, 'SCARCE')
    await reserveOrders(app, short)
    expect(await countOrders(app, 'AWAITING_RESTOCK', short)).toBe(short.length)
    const letGo = holdReservations(testApp)

    const { supplier, asked, letGo: answer } = hangingSupplier()
    const ids = await placeBacklog(app, HELD_MAX + 40)
    const worker = await startTestWorker(testApp, { supplier, concurrency: 5 })
    await eventually(async () => (await readJobs(app.pool, { isHeld: true })).length >= HELD_MAX)
    answer()
    await eventually(async () => (await countOrders(app, 'FAILED', short)) === short.length)
    expect(new Set(asked)).toEqual(new Set(short))
    expect(await countOrders(app, 'RESERVED', ids)).toBe(0)
    letGo()
    await eventually(async () => (await countOrders(app, 'RESERVED', ids)) === ids.length)
    await untilNoJobs(app.pool)
    await worker.stop()
  })

  test('of calls to a supplier that hangs goes on to reserve', async ({ app, testApp }) => {
    const { supplier, asked, letGo } = hangingSupplier()
    const short = await placeBacklog(app, 100, 'SCARCE')
    const worker = await startTestWorker(testApp, { supplier, concurrency: 40 })
    await eventually(async () => (await countOrders(app, 'AWAITING_RESTOCK', short)) === short.length)
    await eventually(() => asked.length === 40)
    // twice as many as there are places for reservations, by a process that gives its orders no head start
    const api = await joinTestApp(testApp)
    const ids = await placeBacklog(api.app, HELD_MAX)
    await api.close()
    await eventually(async () => (await countOrders(app, 'RESERVED', ids)) === ids.length)
    // as many as there are places for, and no more
    expect(asked).toHaveLength(40)
    letGo()
    await eventually(async () => (await countOrders(app, 'FAILED', short)) === short.length)
    expect(asked.toSorted()).toEqual(short.toSorted())
    await untilNoJobs(app.pool)
    await worker.stop()
  })
})

test('a worker that stops while its jobs are locked gives them back once it can, and ends nothing else', {
  timeout: 60_000,
}, async ({ app, testApp }) => {
  const ids = await placeBacklog(app, HELD_MAX)
  const letGo = holdReservations(testApp)
  const worker = await startTestWorker(testApp)
  await eventually(async () => (await readJobs(app.pool, { isHeld: true })).length === ids.length)
  const other = new pg.Client({ connectionString: testApp.databaseUrl })
  await other.connect()
  await other.query('begin; lock table graphile_worker._private_jobs in exclusive mode')
  const stopping = worker.stop()
  // what is given back fails by its time-out: an error that nobody hears would fail this test
  await sleep(STATEMENT_TIMEOUT_MS + 500)
  await other.end()
  letGo()
  await stopping
  await eventually(async () => (await readJobs(app.pool, { isHeld: true })).length === 0)
})

test('a worker tells by which ids its jobs of either kind are held, and its figures count both', async ({
  app,
  testApp,
}) => {
  const { supplier, asked, letGo } = hangingSupplier()
  const short = await placeBacklog(app, 2, 'SCARCE')
  const worker = await startTestWorker(testApp, { supplier })
  await eventually(() => asked.length === short.length)
  const letGoReservations = holdReservations(testApp)
  const ids = await placeBacklog(app, 3)
  const held = await eventually(async () => {
    const jobs = await readJobs(app.pool, { isHeld: true })
    return jobs.length === 5 && jobs
  })
  const row = await eventually(async () => {
    const [row] = (await app.pool.query('select pool_ids, jobs_held from workers')).rows
    return Object.keys(row.jobs_held).length === 2 ? row : null
  })
  expect(row.jobs_held).toEqual({ 'reserve-inventory': 3, 'request-supplier': 2 })
  expect(row.pool_ids).toHaveLength(2)
  const holderOf = (task: string) => [
    ...new Set((held || []).filter((job) => job.task === task).map(({ heldBy }) => heldBy)),
  ]
  expect([...holderOf('reserve-inventory'), ...holderOf('request-supplier')]).toEqual(row.pool_ids)
  letGo()
  letGoReservations()
  await eventually(async () => (await countOrders(app, 'RESERVED', ids)) === ids.length)
  await untilNoJobs(app.pool)
  await worker.stop()
})

test('a worker fetches the jobs of webhooks once there is one, and so does its next pool', async ({
  app,
  testApp,
}) => {
  const worker = await startTestWorker(testApp)
  const readPoolIds = async (): Promise<string[]> =>
    (await app.pool.query('select pool_ids from workers')).rows.flatMap(({ pool_ids }) => pool_ids)
  expect(await readPoolIds()).toHaveLength(2)
  await listenAt(app, 'https://shop.example/hooks', ['stock.*'])
  const before = await eventually(async () => {
    const ids = await readPoolIds()
    return ids.length === 3 && ids
  })
  await app.pool.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'holdfast-worker'`,
  )
  await eventually(async () => {
    const ids = await readPoolIds()
    return ids.length === 3 && !ids.some((id) => (before as string[]).includes(id))
  })
  await worker.stop()
})
