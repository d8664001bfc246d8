import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { TransactionRun } from '../../src/database/transaction.ts'
import type { JobRun } from '../../src/domain/jobs.ts'
import { BACKLOG_BATCH_MAX } from '../../src/limits.ts'
import { findBreaches } from '../../src/sql/find-breaches.ts'
import { takeJobs } from '../../src/sql/take-jobs.ts'
import type { Worker } from '../../src/tasks/worker.ts'
import { reserveBacklog } from '../../src/use-cases/reserve-inventory.ts'
import {
  createTestApp,
  eventually,
  joinTestApp,
  seed,
  startTestWorker,
  type TestApp,
} from '../support/harness.ts'
import { playSupplier } from '../support/supplier.ts'

/** What a worker fetches: what waits beyond it is a backlog. */
const CONCURRENCY = 10

const supplier = playSupplier()
beforeAll(() => supplier.start())
afterAll(() => supplier.stop())

let test_: TestApp
let ends: (() => Promise<unknown>)[]
beforeEach(async () => {
  test_ = await createTestApp()
  ends = []
})
afterEach(async () => {
  for (const end of ends.toReversed()) await end()
  expect(await findBreaches(test_.app.pool)).toEqual([])
  await test_.close()
})

async function work(on = test_): Promise<Worker> {
  const worker = await startTestWorker(on, { concurrency: CONCURRENCY })
  ends.push(() => worker.stop())
  return worker
}

/** Orders one after the other, which nobody reserves yet. @returns their ids, oldest first */
async function order(count: number, sku: string): Promise<string[]> {
  const orders = await Promise.all(Array.from({ length: count }, () => seed(test_.app).order({ sku })))
  return orders.map(({ id }) => id).toSorted()
}

const countOf = (status: 'PENDING' | 'RESERVED' | 'AWAITING_RESTOCK' | 'FAILED', sku: string) =>
  test_.app.prisma.order.count({ where: { status, sku } })

const reserved = (count: number, sku: string) =>
  eventually(async () => (await countOf('RESERVED', sku)) === count)

const jobsLeft = async () => (await test_.app.pool.query('select from graphile_worker.jobs')).rowCount

/** What an application commits, and what jobs it runs, from now on. */
function hear({ app } = test_) {
  const transactions: TransactionRun[] = []
  const runs: JobRun[] = []
  const { onTransaction, onJobRun } = app
  app.onTransaction = (run) => {
    transactions.push(run)
    onTransaction(run)
  }
  app.onJobRun = (run) => {
    runs.push(run)
    onJobRun(run)
  }
  return {
    runs,
    rounds: (outcome: TransactionRun['outcome'] = 'committed') =>
      transactions.filter((run) => run.name === 'reserve-backlog' && run.outcome === outcome).length,
  }
}

/** Has every reservation of a SKU fail, until it is called. */
async function breakReservations(sku: string): Promise<() => Promise<unknown>> {
  const { pool } = test_.app
  await pool.query(`
    create function refuse() returns trigger language plpgsql as $$ begin raise 'broken'; end $$;
    create trigger refuse before update on inventory_items
      for each row when (new.sku = '${sku}') execute function refuse()`)
  return () => pool.query('drop trigger refuse on inventory_items')
}

test('what a worker cannot fetch at once is reserved together, each order by one run of its job', async () => {
  await seed(test_.app).item({ sku: 'A', available: 1_000 })
  const ids = await order(300, 'A')
  const heard = hear()
  await work()
  await reserved(300, 'A')
  await eventually(async () => (await jobsLeft()) === 0)
  expect(heard.rounds()).toBeGreaterThan(0)
  expect(heard.runs.map(({ orderId }) => orderId).toSorted()).toEqual(ids)
  for (const run of heard.runs) {
    expect(run).toMatchObject({ task: 'reserve-inventory', outcome: 'done', attempt: 1, attemptsMax: 8 })
    expect(run.origin?.caller).toBeDefined()
  }
})

test('where fewer wait than a worker may fetch, nobody takes more', async () => {
  await seed(test_.app).item({ sku: 'A', available: 1_000 })
  await order(CONCURRENCY - 1, 'A')
  const heard = hear()
  await work()
  await reserved(CONCURRENCY - 1, 'A')
  await eventually(async () => (await jobsLeft()) === 0)
  expect(heard.rounds()).toBe(0)
})

test('the stock that there is goes to the oldest, over many transactions', async () => {
  supplier.follow({ reserve: () => ({ accepted: false }) })
  await seed(test_.app).item({ sku: 'A', available: 2 * BACKLOG_BATCH_MAX + 100 })
  const ids = await order(2 * BACKLOG_BATCH_MAX + 500, 'A')
  const heard = hear()
  await work()
  await eventually(async () => (await countOf('PENDING', 'A')) === 0)
  expect(heard.rounds()).toBeGreaterThan(2)
  const { rows } = await test_.app.pool.query<{ id: string }>(
    `select id from orders where sku = 'A' and status = 'RESERVED' order by id`,
  )
  expect(rows.map(({ id }) => id)).toEqual(ids.slice(0, 2 * BACKLOG_BATCH_MAX + 100))
  await eventually(async () => (await countOf('FAILED', 'A')) === 400)
})

test('two workers on one backlog reserve every order once', async () => {
  const other = await joinTestApp(test_)
  ends.push(other.close)
  await seed(test_.app).item({ sku: 'A', available: 10_000 })
  const ids = await order(6_000, 'A')
  const heard = [hear(), hear(other)]
  await Promise.all([work(), work(other)])
  await reserved(6_000, 'A')
  await eventually(async () => (await jobsLeft()) === 0)
  await eventually(() => heard.flatMap(({ runs }) => runs).length === 6_000)
  expect(
    heard
      .flatMap(({ runs }) => runs)
      .map(({ orderId }) => orderId)
      .toSorted(),
  ).toEqual(ids)
  expect(await test_.app.prisma.inventoryMovement.count({ where: { type: 'RESERVATION' } })).toBe(6_000)
})

test('an order that cannot be reserved fails by itself, and none of its neighbours', async () => {
  await seed(test_.app).item({ sku: 'A', available: 1_000 })
  await seed(test_.app).item({ sku: 'BAD', available: 1_000 })
  const mend = await breakReservations('BAD')
  await order(100, 'A')
  const [bad] = await order(1, 'BAD')
  await order(100, 'A')
  const heard = hear()
  await work()
  await reserved(200, 'A')
  expect(heard.rounds('failed')).toBeGreaterThan(0)
  expect(heard.runs.filter(({ outcome }) => outcome === 'failed').map(({ orderId }) => orderId)).toEqual([
    bad,
  ])
  expect(await countOf('PENDING', 'BAD')).toBe(1)
  await mend()
  await reserved(1, 'BAD')
})

test('a job that tells of no order is left to be given up, and none of its neighbours', async () => {
  await seed(test_.app).item({ sku: 'A', available: 1_000 })
  await order(100, 'A')
  await test_.app.pool.query(`select graphile_worker.add_job('reserve-inventory', '{}', max_attempts => 1)`)
  await order(100, 'A')
  await work()
  await reserved(200, 'A')
  await eventually(async () => {
    const { rows } = await test_.app.pool.query('select attempts, last_error from graphile_worker.jobs')
    return rows.length === 1 && rows[0].attempts === 1 && rows[0].last_error?.includes('orderId')
  })
})

test('a transaction that is cut off leaves all jobs in the queue', async () => {
  await seed(test_.app).item({ sku: 'A', available: 1_000 })
  await order(50, 'A')
  const { pool } = test_.app
  const holder = await pool.connect()
  await holder.query('begin')
  await holder.query(`select from inventory_items where sku = 'A' for update`)
  const round = reserveBacklog(test_.app, [], 100)
  await eventually(async () => {
    const { rowCount } = await pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`,
    )
    return rowCount! > 0
  })
  await expect(round).rejects.toThrow()
  await holder.query('commit')
  holder.release()
  expect(await countOf('PENDING', 'A')).toBe(50)
  const { rows } = await pool.query(
    'select attempts, locked_by from graphile_worker.jobs group by 1, 2 having count(*) = 50',
  )
  expect(rows).toEqual([{ attempts: 0, locked_by: null }])
  expect(test_.app.jobsUnderWay.size).toBe(0)
  expect(await reserveBacklog(test_.app, [], 100)).toBe(50)
  expect(await jobsLeft()).toBe(0)
})

test('a backlog that waits for a lock does not keep jobs of other tasks from their places', async () => {
  supplier.follow({ reserve: () => ({ accepted: false }) })
  for (const sku of ['A', 'LOCKED']) await seed(test_.app).item({ sku, available: 100 })
  await seed(test_.app).item({ sku: 'SCARCE', available: 0 })
  const { app } = test_
  const [scarce] = await order(1, 'SCARCE')
  await app.groups.reserveInventory.submit({ orderId: scarce! })
  await app.pool.query(
    `update graphile_worker._private_jobs set run_at = now() + interval '1 s' where payload ->> 'step' is not null`,
  )
  await order(CONCURRENCY - 1, 'A')
  await order(CONCURRENCY / 2, 'LOCKED')
  const client = await app.pool.connect()
  await client.query('begin')
  await client.query(`select from inventory_items where sku = 'LOCKED' for update`)
  await work()
  await reserved(CONCURRENCY - 1, 'A')
  await eventually(async () => (await countOf('FAILED', 'SCARCE')) === 1)
  expect(await countOf('PENDING', 'LOCKED')).toBe(CONCURRENCY / 2)
  await client.query('commit')
  client.release()
  await reserved(CONCURRENCY / 2, 'LOCKED')
})

test('a worker that stops finishes what is under way, and leaves the rest as it was', async () => {
  await seed(test_.app).item({ sku: 'A', available: 100_000 })
  await order(3 * BACKLOG_BATCH_MAX, 'A')
  const heard = hear()
  const worker = await startTestWorker(test_, { concurrency: CONCURRENCY })
  await eventually(() => test_.app.jobsUnderWay.size > CONCURRENCY)
  await worker.stop()
  const done = heard.rounds()
  const { prisma, pool } = test_.app
  const pending = await prisma.order.findMany({ where: { status: 'PENDING' }, select: { id: true } })
  expect(pending.length).toBeGreaterThan(0)
  expect(test_.app.jobsUnderWay.size).toBe(0)
  await sleep(100)
  expect(heard.rounds()).toBe(done)
  const { rows: jobs } = await pool.query<{ orderId: string; attempts: number; locked_by: string | null }>(
    `select payload ->> 'orderId' as "orderId", attempts, locked_by from graphile_worker._private_jobs`,
  )
  const waiting = new Set(jobs.map(({ orderId }) => orderId))
  expect(pending.filter(({ id }) => !waiting.has(id))).toEqual([])
  // those that it had fetched are back, though they have nothing to do any more
  expect(jobs.length).toBeLessThanOrEqual(pending.length + CONCURRENCY)
  expect(jobs.filter(({ attempts, locked_by }) => attempts > 0 || locked_by !== null)).toEqual([])
})

test('while jobs run whose worker died, all are fetched, so that a job that kills is found', async () => {
  await seed(test_.app).item({ sku: 'A', available: 1_000 })
  const ids = await order(300, 'A')
  await test_.app.pool.query(
    `update graphile_worker._private_jobs set flags = '{"deaths": 1}' where payload ->> 'orderId' = any ($1)`,
    [ids],
  )
  const heard = hear()
  await work()
  await reserved(300, 'A')
  expect(heard.rounds()).toBe(0)
})

test('taken are jobs of the task that are due, free, and were never run, oldest first', async () => {
  await seed(test_.app).item({ sku: 'A' })
  const ids = await order(7, 'A')
  const [oldest, second, failed, died, held, later, last] = ids
  const client = await test_.app.pool.connect()
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
    (await takeJobs(client, 'reserve-inventory', limit)).map(({ orderId }) => orderId)
  expect(await taken(1)).toEqual([oldest])
  expect((await taken(10)).toSorted()).toEqual([second, last])
  expect(await taken(10)).toEqual([])
  expect((await client.query('select from graphile_worker.jobs')).rowCount).toBe(5)
  await client.query('rollback')
  client.release()
})
