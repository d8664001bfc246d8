import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { BACKLOG_BATCH_MAX } from '../../src/limits.ts'
import { takeJobs } from '../../src/sql/take-jobs.ts'
import { orderPayload } from '../../src/use-cases/job-payloads.ts'
import { BacklogApp, CONCURRENCY } from '../support/backlog-app.ts'
import { eventually, joinTestApp, startTestWorker } from '../support/harness.ts'

const shop = new BacklogApp()
beforeEach(() => shop.start())
afterEach(() => shop.end())

test('what a worker cannot fetch at once is reserved together, each order by one run of its job', async () => {
  await shop.item('A', 1_000)
  const ids = await shop.order(300, 'A')
  const heard = shop.hear()
  await shop.work()
  await shop.reserved(300, 'A')
  await eventually(async () => (await shop.countJobs()) === 0)
  await eventually(() => heard.runs.length === 300)
  expect(heard.batches()).toBeGreaterThan(0)
  expect(heard.runs.map(({ orderId }) => orderId).toSorted()).toEqual(ids)
  for (const run of heard.runs) {
    expect(run).toMatchObject({ task: 'reserve-inventory', outcome: 'done', attempt: 1, attemptsMax: 8 })
    expect(run.origin?.caller).toBeDefined()
  }
})

test('where fewer wait than a worker may fetch, nobody takes more', async () => {
  await shop.item('A', 1_000)
  await shop.order(CONCURRENCY - 1, 'A')
  const heard = shop.hear()
  await shop.work()
  await shop.reserved(CONCURRENCY - 1, 'A')
  await eventually(async () => (await shop.countJobs()) === 0)
  expect(heard.batches()).toBe(0)
})

test('the stock that there is goes to the oldest, and nobody overtakes, over many transactions', async () => {
  shop.supplier.follow({ reserve: () => ({ accepted: false }) })
  await shop.item('A', 2 * BACKLOG_BATCH_MAX + 100)
  const ids = await shop.order(2 * BACKLOG_BATCH_MAX + 500, 'A')
  const { app } = shop
  const heard = shop.hear()
  const turns: string[] = []
  const { onEvents } = app
  app.onEvents = (events) => {
    turns.push(...events.filter(({ from }) => from === 'PENDING').map(({ order }) => order.id))
    onEvents(events)
  }
  await shop.work()
  await eventually(async () => (await shop.countOf('PENDING', 'A')) === 0)
  expect(heard.batches()).toBeGreaterThan(2)
  expect(await shop.readReserved('A')).toEqual(ids.slice(0, 2 * BACKLOG_BATCH_MAX + 100))
  await eventually(() => turns.length === ids.length)
  expect(turns).toEqual(ids)
  await eventually(async () => (await shop.countOf('FAILED', 'A')) === 400)
})

test('two workers on one backlog reserve every order once', async () => {
  const other = await joinTestApp(shop.testApp)
  shop.atEnd(other.close)
  await shop.item('A', 10_000)
  const ids = await shop.order(6_000, 'A')
  const heard = [shop.hear(), shop.hear(other)]
  await Promise.all([shop.work(), shop.work(other)])
  await shop.reserved(6_000, 'A')
  await eventually(async () => (await shop.countJobs()) === 0)
  await eventually(() => heard.flatMap(({ runs }) => runs).length === 6_000)
  expect(heard.some(({ batches }) => batches() > 0)).toBe(true)
  expect(
    heard
      .flatMap(({ runs }) => runs)
      .map(({ orderId }) => orderId)
      .toSorted(),
  ).toEqual(ids)
  expect(await shop.app.prisma.inventoryMovement.count({ where: { type: 'RESERVATION' } })).toBe(6_000)
})

test('a worker that stops finishes what is under way, and leaves the rest as it was', async () => {
  await shop.item('A', 100_000)
  await shop.order(3 * BACKLOG_BATCH_MAX, 'A')
  const heard = shop.hear()
  const worker = await startTestWorker(shop.testApp, { concurrency: CONCURRENCY })
  await eventually(() => shop.app.jobsUnderWay.size > CONCURRENCY)
  await worker.stop()
  const done = heard.batches()
  const { prisma, pool } = shop.app
  const pending = await prisma.order.findMany({ where: { status: 'PENDING' }, select: { id: true } })
  expect(pending.length).toBeGreaterThan(0)
  expect(shop.app.jobsUnderWay.size).toBe(0)
  await sleep(100)
  expect(heard.batches()).toBe(done)
  const { rows: jobs } = await pool.query<{ orderId: string; attempts: number; locked_by: string | null }>(
    `select payload ->> 'orderId' as "orderId", attempts, locked_by from graphile_worker._private_jobs`,
  )
  const waiting = new Set(jobs.map(({ orderId }) => orderId))
  expect(pending.filter(({ id }) => !waiting.has(id))).toEqual([])
  // those that it had fetched are back, though they have nothing to do any more
  expect(jobs.length).toBeLessThanOrEqual(pending.length + CONCURRENCY)
  expect(jobs.filter(({ attempts, locked_by }) => attempts > 0 || locked_by !== null)).toEqual([])
})

test('taken are jobs of the task that are due, free, and were never run, oldest first', async () => {
  await shop.item('A', 0)
  const ids = await shop.order(7, 'A')
  const [oldest, second, failed, died, held, later, last] = ids
  const client = await shop.app.pool.connect()
  await client.query('begin')
  const set = (id: string | undefined, change: string) =>
    client.query(`update graphile_worker._private_jobs set ${change} where payload ->> 'orderId' = $1`, [id])
  for (const [turn, id] of ids.entries()) await set(id, `run_at = now() - interval '${60 - turn} s'`)
  await set(failed, 'attempts = 1')
  await set(died, `flags = '{"deaths": 1}'`)
  await set(held, `locked_by = 'a worker', locked_at = now()`)
  await set(later, `run_at = now() + interval '1 hour'`)
  await client.query(
    `select graphile_worker.add_job('request-supplier', '{}', run_at => now() - interval '1 hour')`,
  )

  const taken = async (limit: number) =>
    (await takeJobs(client, 'reserve-inventory', limit)).map((payload) => orderPayload.parse(payload).orderId)
  expect(await taken(1)).toEqual([oldest])
  expect((await taken(10)).toSorted()).toEqual([second, last])
  expect(await taken(10)).toEqual([])
  expect((await client.query('select from graphile_worker.jobs')).rowCount).toBe(5)
  await client.query('rollback')
  client.release()
})
