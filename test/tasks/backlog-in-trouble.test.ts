import { setTimeout as sleep } from 'node:timers/promises'
import type { Job } from 'graphile-worker'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { BACKLOG_BATCH_MAX } from '../../src/limits.ts'
import { Backlog } from '../../src/tasks/backlog.ts'
import { reserveBacklog, reserveInventory } from '../../src/use-cases/reserve-inventory.ts'
import { BacklogApp, CONCURRENCY } from '../support/backlog-app.ts'
import { breakReservations } from '../support/break-reservations.ts'
import { eventually } from '../support/harness.ts'

const shop = new BacklogApp()
beforeEach(() => shop.start())
afterEach(() => shop.end())

test('an order that cannot be reserved fails by itself, and none of its neighbours', async () => {
  await shop.item('A', 1_000)
  await shop.item('BAD', 1_000)
  const mend = await breakReservations(shop.app, 'BAD')
  await shop.order(100, 'A')
  const [bad] = await shop.order(1, 'BAD')
  await shop.order(100, 'A')
  const heard = shop.hear()
  await shop.work()
  await shop.reserved(200, 'A')
  expect(heard.batches('failed')).toBeGreaterThan(0)
  expect(heard.runs.filter(({ outcome }) => outcome === 'failed').map(({ orderId }) => orderId)).toEqual([
    bad,
  ])
  expect(await shop.countOf('PENDING', 'BAD')).toBe(1)
  await mend()
  await shop.reserved(1, 'BAD')
})

test('where orders cannot be reserved together, none that are younger take their stock', async () => {
  shop.supplier.follow({ reserve: () => ({ accepted: false }) })
  await shop.item('A', BACKLOG_BATCH_MAX)
  await shop.item('BAD', 1_000)
  await breakReservations(shop.app, 'BAD')
  const older = await shop.order(3 * CONCURRENCY, 'A')
  await shop.order(1, 'BAD')
  const younger = await shop.order(2 * BACKLOG_BATCH_MAX, 'A')
  const heard = shop.hear()
  await shop.work()
  await eventually(async () => (await shop.countOf('PENDING', 'A')) === 0)
  expect(heard.batches('failed')).toBeGreaterThan(0)
  expect(await shop.readReserved('A')).toEqual([...older, ...younger].slice(0, BACKLOG_BATCH_MAX))
})

test('a job that tells of no order is left to be given up, and none of its neighbours', async () => {
  await shop.item('A', 1_000)
  await shop.order(100, 'A')
  await shop.app.pool.query(`select graphile_worker.add_job('reserve-inventory', '{}', max_attempts => 1)`)
  await shop.order(100, 'A')
  await shop.work()
  await shop.reserved(200, 'A')
  await eventually(async () => {
    const { rows } = await shop.app.pool.query('select attempts, last_error from graphile_worker.jobs')
    return rows.length === 1 && rows[0].attempts === 1 && rows[0].last_error?.includes('orderId')
  })
})

test('a transaction that is cut off leaves all jobs in the queue', async () => {
  await shop.item('A', 1_000)
  await shop.order(50, 'A')
  const { pool } = shop.app
  const release = await shop.lockStock('A')
  const round = reserveBacklog(shop.app, 100)
  await eventually(async () => {
    const { rowCount } = await pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`,
    )
    return rowCount! > 0
  })
  await expect(round).rejects.toThrow()
  await release()
  expect(await shop.countOf('PENDING', 'A')).toBe(50)
  const { rows } = await pool.query(
    'select attempts, locked_by from graphile_worker.jobs group by 1, 2 having count(*) = 50',
  )
  expect(rows).toEqual([{ attempts: 0, locked_by: null }])
  expect(shop.app.jobsUnderWay.size).toBe(0)
  expect(await reserveBacklog(shop.app, 100)).toHaveLength(50)
  expect(await shop.countJobs()).toBe(0)
})

describe('while a backlog waits for a lock', () => {
  beforeEach(async () => {
    for (const sku of ['A', 'LOCKED']) await shop.item(sku, 10_000)
    await shop.item('SCARCE', 0)
  })

  test('jobs of other tasks get their places', async () => {
    shop.supplier.follow({ reserve: () => ({ accepted: false }) })
    await shop.order(2 * CONCURRENCY + BACKLOG_BATCH_MAX, 'A')
    await shop.order(5, 'LOCKED')
    const [scarce] = await shop.order(1, 'SCARCE')
    const { app } = shop
    await app.pool.query(`delete from graphile_worker._private_jobs where payload ->> 'orderId' = $1`, [
      scarce,
    ])
    await app.groups.reserveInventory.submit({ orderId: scarce! })
    await app.pool.query(
      `update graphile_worker._private_jobs set run_at = now() + interval '1.5 s' where payload ->> 'orderId' = $1`,
      [scarce],
    )
    const release = await shop.lockStock('LOCKED')
    const heard = shop.hear()
    await shop.work()
    await shop.reserved(2 * CONCURRENCY + BACKLOG_BATCH_MAX, 'A')
    await eventually(() => shop.isStockWaitedFor())
    await eventually(async () => (await shop.countOf('FAILED', 'SCARCE')) === 1)
    expect(await shop.isStockWaitedFor()).toBe(true)
    expect(heard.batches()).toBe(1)
    await release()
    await shop.reserved(5, 'LOCKED')
  })

  test('a job that is done makes place at once where one of another task waits for it', async () => {
    await shop.order(5, 'LOCKED')
    const release = await shop.lockStock('LOCKED')
    const backlog = new Backlog(shop.app)
    const places: string[] = []
    backlog.onFetch([], true)
    const kept = backlog.takeTurn().then(() => places.push('kept'))
    backlog.onFetch([{ id: '1', task_identifier: 'request-supplier' } as Job], true)
    await backlog.takeTurn().then(() => places.push('made'))
    await kept
    expect(places).toEqual(['made', 'kept'])
    expect(await shop.isStockWaitedFor()).toBe(true)
    await release()
    await backlog.end()
    expect(await shop.countOf('RESERVED', 'LOCKED')).toBe(5)
  })
})

test('a head start and a backlog that come to the same order wait for each other in turn', async () => {
  await shop.item('A', 100)
  const ids = await shop.order(20, 'A')
  const { app } = shop
  const heard = shop.hear()
  const { rows } = await app.pool.query<{ id: string }>('select id from graphile_worker.jobs')
  const release = await shop.lockStock('A')
  const headStart = reserveInventory(
    app,
    ids,
    rows.map(({ id }) => id),
  )
  await eventually(() => shop.isStockWaitedFor())
  const backlog = reserveBacklog(app, 100)
  // nothing tells when it has come to its first lock
  await sleep(200)
  await release()
  await Promise.all([headStart, backlog])
  expect(heard.batches('failed')).toBe(0)
  expect(await shop.countOf('RESERVED', 'A')).toBe(20)
  expect(await shop.countJobs()).toBe(0)
})

test.each(['attempts = 3', `flags = '{"deaths": 1}'`])(
  'a fetched job with %s goes with no batch, and breaks none',
  async (past) => {
    await shop.item('A', 1_000)
    await shop.item('BAD', 1_000)
    await breakReservations(shop.app, 'BAD')
    await shop.order(CONCURRENCY, 'A')
    const [bad] = await shop.order(1, 'BAD')
    await shop.order(200, 'A')
    await shop.app.pool.query(
      `update graphile_worker._private_jobs set ${past} where payload ->> 'orderId' = $1`,
      [bad],
    )
    const heard = shop.hear()
    await shop.work()
    await shop.reserved(CONCURRENCY + 200, 'A')
    await eventually(() => heard.runs.some(({ outcome }) => outcome === 'failed'))
    expect(heard.batches()).toBeGreaterThan(0)
    expect(heard.batches('failed')).toBe(0)
  },
)

describe('what has been fetched and waits for a place', () => {
  /** As graphile-worker has just fetched them. */
  const fetchJobs = async () =>
    (
      await shop.app.pool.query<Job>(`select jobs.*, 'reserve-inventory' as task_identifier
      from graphile_worker._private_jobs as jobs`)
    ).rows.map((job) => ({ ...job, attempts: 1 }))

  test('goes with the next batch after one that failed', async () => {
    await shop.item('A', 5)
    await shop.order(5, 'A')
    const jobs = await fetchJobs()
    await shop.app.pool.query(`update graphile_worker._private_jobs set locked_by = 'me', locked_at = now()`)
    const mend = await breakReservations(shop.app, 'A')
    const heard = shop.hear()
    const backlog = new Backlog(shop.app)
    backlog.onFetch(jobs, true)
    await backlog.takeTurn()
    expect(heard.batches('failed')).toBeGreaterThan(0)
    expect(await shop.countOf('PENDING', 'A')).toBe(5)
    await mend()
    await eventually(async () => {
      await backlog.takeTurn()
      return (await shop.countOf('RESERVED', 'A')) === 5
    })
    await backlog.end()
    await shop.app.pool.query('delete from graphile_worker._private_jobs')
  })

  test('is waited for while it is being fetched', async () => {
    await shop.item('A', 10)
    await shop.order(10, 'A')
    const backlog = new Backlog(shop.app)
    backlog.onFetch([], true)
    backlog.onMode('POLLING')
    await backlog.takeTurn()
    expect(await shop.countOf('PENDING', 'A')).toBe(10)
    backlog.onFetch([], false)
    await backlog.end()
    expect(await shop.countOf('PENDING', 'A')).toBe(10)
  })
})
