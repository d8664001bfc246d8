import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import {
  RESCUE_LIMITS,
  releaseLostJobs,
  rescueJobs,
  retireWorker,
} from '../../../src/use-cases/upkeep/rescue-jobs.ts'
import { sweep } from '../../../src/use-cases/upkeep/sweep.ts'
import { createTestApp, seed, type TestApp } from '../../support/harness.ts'
import { changeJobs, dropJobs, type QueuedJob, readJobs } from '../../support/queue.ts'
import { reserveOrders } from '../../support/reserve-orders.ts'

let test_: TestApp
beforeAll(async () => {
  test_ = await createTestApp()
  await seed(test_.app).item({ sku: 'A', available: 10_000 })
})
afterAll(() => test_.close())

/** Orders whose jobs wait, one each. */
async function placeOrders(count: number): Promise<string[]> {
  const ids = []
  // one after the other: those of one commit would share a job
  for (let turn = 0; turn < count; turn++) ids.push((await seed(test_.app).order({ sku: 'A' })).id)
  return ids
}

/** A worker dies with the jobs of these orders in hand, on their first attempt, and is found out. */
async function dieWith(orderIds: readonly string[]): Promise<void> {
  const { pool } = test_.app
  await pool.query(`insert into workers values ('pool-dead', now(), now() - interval '1 minute')`)
  await changeJobs(pool, { heldBy: 'pool-dead', attempts: 1 }, { orderIds })
  expect(await rescueJobs(test_.app, { alsoUnknown: false })).toBe(orderIds.length)
}

/** The jobs that wait, first due first, with the one order of each. */
async function readWaiting(): Promise<(QueuedJob & { orderId: string })[]> {
  const jobs = await readJobs(test_.app.pool)
  return jobs.map((job) => ({ ...job, orderId: job.orderIds[0]! })).sort((a, b) => a.dueInMs - b.dueInMs)
}

describe('a job that kills its worker each time', () => {
  test('is given up, ends its order with a dead letter, and takes none of its neighbours along', async () => {
    const { prisma } = test_.app
    const [killer, ...neighbours] = await placeOrders(200)
    const waiting = new Set([killer!, ...neighbours])
    const deaths = new Map<string, number>()
    let spreadMs = 0
    for (let death = 1; death <= RESCUE_LIMITS.deathsMax; death++) {
      // what is due a second before the killer is done when the killer begins; what is due by then is beside it
      const jobs = await readWaiting()
      const killerDueInMs = jobs.find((job) => job.orderId === killer)!.dueInMs
      spreadMs += Math.max(killerDueInMs, 0)
      const done = jobs.filter((job) => job.dueInMs > 0 && job.dueInMs < killerDueInMs - 1_000)
      await reserveAndComplete(done.map((job) => job.orderId))
      for (const { orderId } of done) waiting.delete(orderId)
      const beside = jobs.filter((job) => waiting.has(job.orderId) && job.dueInMs <= killerDueInMs)
      for (const { orderId } of beside) deaths.set(orderId, (deaths.get(orderId) ?? 0) + 1)
      expect(await prisma.order.findUnique({ where: { id: killer! } })).toMatchObject({ status: 'PENDING' })
      await dieWith(beside.map((job) => job.orderId))
      await sweep(test_.app)
    }
    const order = await prisma.order.findUniqueOrThrow({
      where: { id: killer! },
      include: { deadLetters: true },
    })
    expect(order).toMatchObject({ status: 'FAILED', failureReason: 'INTERNAL_ERROR', version: 2 })
    expect(order.deadLetters).toMatchObject([
      {
        task: 'reserve-inventory',
        payload: { orderId: killer },
        error: 'Its worker died 20 times',
        attempts: 20,
      },
    ])
    deaths.delete(killer!)
    expect(Math.max(...deaths.values())).toBeLessThan(10)
    expect(await prisma.order.count({ where: { status: 'FAILED' } })).toBe(1)
    expect(spreadMs).toBeLessThan(1_800_000)
    // who was still waiting is none the worse for it
    const left = await readWaiting()
    expect(left.every((job) => job.attempts === 0)).toBe(true)
    await reserveAndComplete(left.map((job) => job.orderId))
  })

  test('goes on at once after its first deaths, and later within the limits', async () => {
    const [id] = await placeOrders(1)
    const dues: number[] = []
    for (let death = 1; death < RESCUE_LIMITS.deathsMax; death++) {
      await dieWith([id!])
      const [job] = await readWaiting()
      expect(job).toMatchObject({ deaths: death, attempts: 0 })
      dues.push(job!.dueInMs)
    }
    const { unspreadMax } = RESCUE_LIMITS
    for (const dueInMs of dues.slice(0, unspreadMax)) expect(dueInMs).toBeLessThanOrEqual(0)
    dues.slice(unspreadMax).forEach((dueInMs, index) => {
      expect(dueInMs).toBeLessThanOrEqual(Math.min(5_000 * 2 ** index, 120_000))
    })
    await reserveAndComplete([id!])
  })
})

test('200 deaths of workers, spread over 300 jobs, end none of them', async () => {
  const ids = await placeOrders(300)
  for (let death = 0; death < 200; death++) {
    await dieWith(Array.from({ length: 20 }, (_, index) => ids[(death * 20 + index) % ids.length]!))
  }
  expect(await sweep(test_.app)).toMatchObject({ requeued: [], buried: [] })
  const jobs = await readWaiting()
  expect(jobs).toHaveLength(300)
  expect(jobs.every((job) => job.attempts === 0)).toBe(true)
  await reserveAndComplete(ids)
  expect(await test_.app.prisma.order.count({ where: { id: { in: ids }, status: 'RESERVED' } })).toBe(300)
})

/** What a worker does that lives. */
async function reserveAndComplete(orderIds: readonly string[]): Promise<void> {
  await reserveOrders(test_.app, orderIds)
  await dropJobs(test_.app.pool, { orderIds })
}

describe('jobs are given back', () => {
  const free = { heldBy: null, attempts: 0 }

  test.each([
    ['of the first pool of a worker', 'pool-1', ['pool-1', 'pool-2'], 1],
    ['of another pool of a worker', 'pool-2', ['pool-1', 'pool-2'], 1],
    ['of a worker that a version before 0.2 wrote down', 'pool-1', [], 1],
  ])('%s that fell silent, which is forgotten', async (_, heldBy, poolIds, deaths) => {
    const { pool } = test_.app
    const [id] = await placeOrders(1)
    await addWorker({ poolIds, seenAgoMs: 60_000 })
    await changeJobs(pool, { heldBy, attempts: 1 }, { orderIds: [id!] })
    const onUpkeep = vi.spyOn(test_.app, 'onUpkeep')
    expect(await rescueJobs(test_.app, { alsoUnknown: false })).toBe(1)
    expect(await readJobs(pool)).toMatchObject([{ ...free, deaths }])
    expect(await test_.app.prisma.worker.count()).toBe(0)
    expect(onUpkeep.mock.calls).toEqual([
      [{ kind: 'workers-died', workers: ['pool-1'], released: 1, givenUp: 0 }],
    ])
    onUpkeep.mockRestore()
    await reserveAndComplete([id!])
  })

  test('of a pool that nobody has written down, after a while, and of none that a living worker has', async () => {
    const { pool } = test_.app
    const ids = await placeOrders(4)
    await addWorker({ poolIds: ['pool-1', 'pool-2'], seenAgoMs: 0 })
    const holders = ['pool-1', 'pool-2', 'pool-unknown', 'pool-new']
    for (const [turn, heldBy] of holders.entries()) {
      const heldForMs = heldBy === 'pool-new' ? 0 : 60_000
      await changeJobs(pool, { heldBy, heldForMs, attempts: 1 }, { orderIds: [ids[turn]!] })
    }
    expect(await rescueJobs(test_.app, { alsoUnknown: false })).toBe(0)
    expect(await rescueJobs(test_.app, { alsoUnknown: true })).toBe(1)
    expect((await readJobs(pool)).map(({ heldBy }) => heldBy)).toEqual(['pool-1', 'pool-2', null, 'pool-new'])
    expect(await test_.app.prisma.worker.count()).toBe(1)
    await forget(ids)
  })

  test('that a living worker never got, whichever of its pools they are held by, and not those that it has', async () => {
    const { pool } = test_.app
    const ids = await placeOrders(4)
    const poolIds = ['pool-1', 'pool-2']
    for (const [turn, id] of ids.entries()) {
      await changeJobs(
        pool,
        { heldBy: poolIds[turn % 2]!, heldForMs: 5_000, attempts: 1 },
        { orderIds: [id] },
      )
    }
    const jobs = await readJobs(pool)
    await releaseLostJobs(test_.app, { id: 'pool-1', poolIds }, [jobs[0]!.id, jobs[1]!.id])
    expect((await readJobs(pool)).map(({ heldBy }) => heldBy)).toEqual([...poolIds, null, null])
    // a lost reply is nobody's death
    expect((await readJobs(pool)).map(({ deaths }) => deaths)).toEqual([null, null, null, null])
    await forget(ids)
  })

  test('of each pool of a worker that ends, which is forgotten', async () => {
    const { pool } = test_.app
    const ids = await placeOrders(2)
    const poolIds = ['pool-1', 'pool-2']
    await addWorker({ poolIds, seenAgoMs: 0 })
    for (const [turn, id] of ids.entries()) {
      await changeJobs(pool, { heldBy: poolIds[turn]!, attempts: 1 }, { orderIds: [id] })
    }
    await retireWorker(test_.app, { id: 'pool-1', poolIds })
    expect(await readJobs(pool)).toMatchObject([free, free])
    expect(await test_.app.prisma.worker.count()).toBe(0)
    await reserveAndComplete(ids)
  })

  async function addWorker({ poolIds, seenAgoMs }: { poolIds: readonly string[]; seenAgoMs: number }) {
    await test_.app.pool.query(
      `insert into workers (id, started_at, seen_at, pool_ids)
      values ('pool-1', now() - interval '1 hour', now() - $1 * interval '1 ms', $2)`,
      [seenAgoMs, poolIds],
    )
  }

  async function forget(orderIds: readonly string[]) {
    await test_.app.pool.query('delete from workers')
    await reserveAndComplete(orderIds)
  }
})
