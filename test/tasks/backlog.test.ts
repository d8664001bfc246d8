import { setTimeout as sleep } from 'node:timers/promises'
import type { Job } from 'graphile-worker'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { TransactionRun } from '../../src/database/transaction.ts'
import type { JobRun } from '../../src/domain/jobs.ts'
import { BACKLOG_BATCH_MAX } from '../../src/limits.ts'
import { findBreaches } from '../../src/sql/find-breaches.ts'
import { takeJobs } from '../../src/sql/take-jobs.ts'
import { Backlog } from '../../src/tasks/backlog.ts'
import type { Worker } from '../../src/tasks/worker.ts'
import { reserveBacklog, reserveInventory } from '../../src/use-cases/reserve-inventory.ts'
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
  await eventually(() => heard.runs.length === 300)
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

test('the stock that there is goes to the oldest, and nobody overtakes, over many transactions', async () => {
  supplier.follow({ reserve: () => ({ accepted: false }) })
  await seed(test_.app).item({ sku: 'A', available: 2 * BACKLOG_BATCH_MAX + 100 })
  const ids = await order(2 * BACKLOG_BATCH_MAX + 500, 'A')
  const { app } = test_
  const heard = hear()
  const turns: string[] = []
  const { onEvents } = app
  app.onEvents = (events) => {
    turns.push(...events.filter(({ from }) => from === 'PENDING').map(({ order }) => order.id))
    onEvents(events)
  }
  await work()
  await eventually(async () => (await countOf('PENDING', 'A')) === 0)
  expect(heard.rounds()).toBeGreaterThan(2)
  const { rows } = await app.pool.query<{ id: string }>(
    `select id from orders where sku = 'A' and status = 'RESERVED' order by id`,
  )
  expect(rows.map(({ id }) => id)).toEqual(ids.slice(0, 2 * BACKLOG_BATCH_MAX + 100))
  await eventually(() => turns.length === ids.length)
  expect(turns).toEqual(ids)
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
  expect(heard.some(({ rounds }) => rounds() > 0)).toBe(true)
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

test('where orders cannot be reserved together, none that are younger take their stock', async () => {
  supplier.follow({ reserve: () => ({ accepted: false }) })
  await seed(test_.app).item({ sku: 'A', available: BACKLOG_BATCH_MAX })
  await seed(test_.app).item({ sku: 'BAD', available: 1_000 })
  await breakReservations('BAD')
  const older = await order(3 * CONCURRENCY, 'A')
  await order(1, 'BAD')
  const younger = await order(2 * BACKLOG_BATCH_MAX, 'A')
  const heard = hear()
  await work()
  await eventually(async () => (await countOf('PENDING', 'A')) === 0)
  expect(heard.rounds('failed')).toBeGreaterThan(0)
  const { rows } = await test_.app.pool.query<{ id: string }>(
    `select id from orders where sku = 'A' and status = 'RESERVED' order by id`,
  )
  expect(rows.map(({ id }) => id)).toEqual([...older, ...younger].slice(0, BACKLOG_BATCH_MAX))
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
  const round = reserveBacklog(test_.app, 100)
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
  expect(await reserveBacklog(test_.app, 100)).toHaveLength(50)
  expect(await jobsLeft()).toBe(0)
})

describe('while a backlog waits for a lock', () => {
  async function lock(sku: string): Promise<() => Promise<void>> {
    const client = await test_.app.pool.connect()
    await client.query('begin')
    await client.query('select from inventory_items where sku = $1 for update', [sku])
    return async () => {
      await client.query('commit')
      client.release()
    }
  }

  const isWaiting = async () =>
    (
      await test_.app.pool.query(
        `select from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock' and query like '%from inventory_items%'`,
      )
    ).rowCount! > 0

  beforeEach(async () => {
    for (const sku of ['A', 'LOCKED']) await seed(test_.app).item({ sku, available: 10_000 })
    await seed(test_.app).item({ sku: 'SCARCE', available: 0 })
  })

  test('jobs of other tasks get their places', async () => {
    supplier.follow({ reserve: () => ({ accepted: false }) })
    await order(2 * CONCURRENCY + BACKLOG_BATCH_MAX, 'A')
    await order(5, 'LOCKED')
    const [scarce] = await order(1, 'SCARCE')
    const { app } = test_
    await app.pool.query(`delete from graphile_worker._private_jobs where payload ->> 'orderId' = $1`, [
      scarce,
    ])
    await app.groups.reserveInventory.submit({ orderId: scarce! })
    await app.pool.query(
      `update graphile_worker._private_jobs set run_at = now() + interval '1.5 s' where payload ->> 'orderId' = $1`,
      [scarce],
    )
    const release = await lock('LOCKED')
    const heard = hear()
    await work()
    await reserved(2 * CONCURRENCY + BACKLOG_BATCH_MAX, 'A')
    await eventually(isWaiting)
    await eventually(async () => (await countOf('FAILED', 'SCARCE')) === 1)
    expect(await isWaiting()).toBe(true)
    expect(heard.rounds()).toBe(1)
    await release()
    await reserved(5, 'LOCKED')
  })

  test('a job that is done makes place at once where one of another task waits for it', async () => {
    await order(5, 'LOCKED')
    const release = await lock('LOCKED')
    const backlog = new Backlog(test_.app)
    const places: string[] = []
    backlog.onFetch([], true)
    const kept = backlog.takeTurn().then(() => places.push('kept'))
    backlog.onFetch([{ id: '1', task_identifier: 'request-supplier' } as Job], true)
    await backlog.takeTurn().then(() => places.push('made'))
    await kept
    expect(places).toEqual(['made', 'kept'])
    expect(await isWaiting()).toBe(true)
    await release()
    await backlog.end()
    expect(await countOf('RESERVED', 'LOCKED')).toBe(5)
  })
})

test('a head start and a backlog that come to the same order wait for each other in turn', async () => {
  await seed(test_.app).item({ sku: 'A', available: 100 })
  const ids = await order(20, 'A')
  const { app } = test_
  const heard = hear()
  const { rows } = await app.pool.query<{ id: string }>('select id from graphile_worker.jobs')
  const client = await app.pool.connect()
  await client.query('begin')
  await client.query('select from inventory_items for update')
  const headStart = reserveInventory(
    app,
    ids,
    rows.map(({ id }) => id),
  )
  await eventually(async () => {
    const { rowCount } = await app.pool.query(
      `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    )
    return rowCount! > 0
  })
  const backlog = reserveBacklog(app, 100)
  // nothing tells when it has come to its first lock
  await sleep(200)
  await client.query('commit')
  client.release()
  await Promise.all([headStart, backlog])
  expect(heard.rounds('failed')).toBe(0)
  expect(await countOf('RESERVED', 'A')).toBe(20)
  expect(await jobsLeft()).toBe(0)
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

test.each(['attempts = 3', `flags = '{"deaths": 1}'`])(
  'a fetched job with %s goes with no batch, and breaks none',
  async (past) => {
    await seed(test_.app).item({ sku: 'A', available: 1_000 })
    await seed(test_.app).item({ sku: 'BAD', available: 1_000 })
    await breakReservations('BAD')
    await order(CONCURRENCY, 'A')
    const [bad] = await order(1, 'BAD')
    await order(200, 'A')
    await test_.app.pool.query(
      `update graphile_worker._private_jobs set ${past} where payload ->> 'orderId' = $1`,
      [bad],
    )
    const heard = hear()
    await work()
    await reserved(CONCURRENCY + 200, 'A')
    await eventually(() => heard.runs.some(({ outcome }) => outcome === 'failed'))
    expect(heard.rounds()).toBeGreaterThan(0)
    expect(heard.rounds('failed')).toBe(0)
  },
)

describe('what has been fetched and waits for a place', () => {
  /** As graphile-worker has just fetched them. */
  const fetchJobs = async () =>
    (
      await test_.app.pool.query<Job>(`select jobs.*, 'reserve-inventory' as task_identifier
      from graphile_worker._private_jobs as jobs`)
    ).rows.map((job) => ({ ...job, attempts: 1 }))

  test('goes with the next batch after one that failed', async () => {
    await seed(test_.app).item({ sku: 'A', available: 5 })
    await order(5, 'A')
    const jobs = await fetchJobs()
    await test_.app.pool.query(`update graphile_worker._private_jobs set locked_by = 'me', locked_at = now()`)
    const mend = await breakReservations('A')
    const heard = hear()
    const backlog = new Backlog(test_.app)
    backlog.onFetch(jobs, true)
    await backlog.takeTurn()
    expect(heard.rounds('failed')).toBeGreaterThan(0)
    expect(await countOf('PENDING', 'A')).toBe(5)
    await mend()
    await eventually(async () => {
      await backlog.takeTurn()
      return (await countOf('RESERVED', 'A')) === 5
    })
    await backlog.end()
    await test_.app.pool.query('delete from graphile_worker._private_jobs')
  })

  test('is waited for while it is being fetched', async () => {
    await seed(test_.app).item({ sku: 'A', available: 10 })
    await order(10, 'A')
    const backlog = new Backlog(test_.app)
    backlog.onFetch([], true)
    backlog.onMode('POLLING')
    await backlog.takeTurn()
    expect(await countOf('PENDING', 'A')).toBe(10)
    backlog.onFetch([], false)
    await backlog.end()
    expect(await countOf('PENDING', 'A')).toBe(10)
  })
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
