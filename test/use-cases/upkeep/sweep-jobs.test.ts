import { HttpResponse } from 'msw'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { LOCAL_OPERATOR } from '../../../src/domain/caller.ts'
import { findBreaches } from '../../../src/sql/upkeep/find-breaches.ts'
import type { PassedOver } from '../../../src/use-cases/in-halves.ts'
import { settleSupplierOutcomes } from '../../../src/use-cases/supplier/settle-supplier-outcomes.ts'
import { retryDeadLetters } from '../../../src/use-cases/upkeep/retry-dead-letters.ts'
import { sweep } from '../../../src/use-cases/upkeep/sweep.ts'
import { createTestApp, eventually, seed, startTestWorker, type TestApp } from '../../support/harness.ts'
import { addJob, dropJobs, killJobs, loseJobsOf, readJobs } from '../../support/queue.ts'
import { readItem, readRequest } from '../../support/read-stock.ts'
import { reserveOrders } from '../../support/reserve-orders.ts'
import { playSupplier } from '../../support/supplier.ts'

/** Sweeps in the middle of load: it goes on until there were so many. */
const SWEEPS_MIN = 6

const supplier = playSupplier()
let test_: TestApp
beforeAll(async () => {
  supplier.start()
  test_ = await createTestApp()
  await seed(test_.app).item({ sku: 'A', available: 10 })
})
afterAll(async () => {
  await test_.close()
  supplier.stop()
})

const find = (id: string) =>
  test_.app.prisma.order.findUniqueOrThrow({ where: { id }, include: { deadLetters: true } })

const dropJobsOf = (id: string) => loseJobsOf(test_.app.pool, [id])

describe('the sweeper', () => {
  test('finds the job of an order in either form of its payload', async () => {
    const orders = await Promise.all(Array.from({ length: 3 }, () => seed(test_.app).order({ sku: 'A' })))
    const [one, two, lost] = orders.map(({ id }) => id)
    const { pool } = test_.app
    await dropJobs(pool)
    await addJob(pool, 'reserve-inventory', { orders: [{ orderId: one }, { orderId: two, origin: {} }] })
    await addJob(pool, 'another-programs', { orderId: lost })
    expect(await sweep(test_.app)).toMatchObject({ requeued: [lost] })
    await dropJobs(pool)
    expect((await sweep(test_.app)).requeued).toEqual([one, two, lost])
    await reserveOrders(test_.app, [one!, two!, lost!])
    await dropJobs(pool)
  })

  test('gives each order that lost its job the job that its state asks for, and leaves those that have one alone', async () => {
    const { id: pending } = await seed(test_.app).order({ sku: 'A', qty: 1 })
    const { id: awaiting } = await seed(test_.app).order({ sku: 'A', qty: 100 })
    const { id: accepted } = await seed(test_.app).order({ sku: 'A', qty: 100 })
    await reserveOrders(test_.app, [awaiting, accepted])
    await settleSupplierOutcomes(test_.app, [
      { orderId: accepted, step: 1, outcome: { kind: 'accepted', ref: 'r' } },
    ])
    for (const id of [pending, awaiting, accepted]) await dropJobsOf(id)
    const { id: healthy } = await seed(test_.app).order({ sku: 'A', qty: 1 })
    expect(await sweep(test_.app)).toMatchObject({ requeued: [pending, awaiting, accepted] })
    expect(await sweep(test_.app)).toMatchObject({ requeued: [] })
    const jobs = await readJobs(test_.app.pool, { orderIds: [pending, awaiting, accepted, healthy] })
    expect(jobs).toHaveLength(4)
    expect(jobs.map(({ task, payload }) => ({ task, payload }))).toEqual(
      expect.arrayContaining([
        { task: 'reserve-inventory', payload: { orders: [{ orderId: pending }] } },
        { task: 'request-supplier', payload: { orderId: awaiting, sku: 'A', step: 1 } },
        { task: 'check-supplier-status', payload: { orderId: accepted, sku: 'A', step: 2 } },
        {
          task: 'reserve-inventory',
          payload: { orders: [{ orderId: healthy, origin: { caller: 'anonymous' } }] },
        },
      ]),
    )
  })

  test('looks after each call for an order of several lines by itself', async () => {
    const { pool } = test_.app
    for (const sku of ['ONE', 'TWO']) await seed(test_.app).item({ sku })
    await seed(test_.app).item({ sku: 'HELD', available: 5 })
    const lines: [string, number][] = [
      ['HELD', 1],
      ['ONE', 2],
      ['TWO', 2],
    ]
    const { id } = await seed(test_.app).order({ lines })
    await dropJobsOf(id)
    // the job says how many lines it is about, by which batches are measured
    expect(await sweep(test_.app)).toMatchObject({ requeued: [id] })
    expect(await readJobs(pool, { orderIds: [id] })).toMatchObject([
      { task: 'reserve-inventory', payload: { orders: [{ orderId: id, lines: 3 }] } },
    ])
    await reserveOrders(test_.app, [id])
    await dropJobs(pool, { orderIds: [id], task: 'reserve-inventory' })
    const callOf = async (sku: string) => {
      const jobs = await readJobs(pool, { orderIds: [id] })
      return jobs.filter(({ payload }) => payload.sku === sku).map(({ id }) => id)
    }
    const kept = await callOf('TWO')
    await dropJobs(pool, { ids: await callOf('ONE') })
    expect(await sweep(test_.app)).toMatchObject({ requeued: [id], buried: [] })
    expect(await callOf('ONE')).toHaveLength(1)
    expect(await callOf('TWO')).toEqual(kept)
    // one that is dead ends the order, and what it holds is free; the other goes on
    const before = await readItem(test_.app, 'HELD')
    await killJobs(pool, 'gone', { ids: await callOf('ONE') })
    expect(await sweep(test_.app)).toMatchObject({ requeued: [], buried: [id], failures: [] })
    expect(await find(id)).toMatchObject({
      status: 'FAILED',
      deadLetters: [{ task: 'request-supplier', payload: { orderId: id, sku: 'ONE', step: 1 } }],
    })
    expect(await readItem(test_.app, 'HELD')).toMatchObject({
      available: before.available + 1n,
      reserved: before.reserved - 1n,
    })
    expect(await readRequest(test_.app, id, 'ONE')).toMatchObject({ state: 'UNREACHABLE' })
    expect(await callOf('TWO')).toEqual(kept)
    // and so it does though its order has ended, until it is dead too, which ends nothing more
    await dropJobs(pool, { ids: kept })
    expect(await sweep(test_.app)).toMatchObject({ requeued: [id] })
    await killJobs(pool, 'gone', { ids: await callOf('TWO') })
    expect(await sweep(test_.app)).toMatchObject({ requeued: [], buried: [id], failures: [] })
    expect(await readRequest(test_.app, id, 'TWO')).toMatchObject({ state: 'UNREACHABLE' })
    expect((await find(id)).deadLetters).toHaveLength(1)
    expect(await sweep(test_.app)).toMatchObject({ requeued: [], buried: [] })
  })

  test('is not deceived by an out-of-date job: an order that lost its current one gets it', async () => {
    const { id } = await seed(test_.app).order({ sku: 'A', qty: 100 })
    await reserveOrders(test_.app, [id])
    await settleSupplierOutcomes(test_.app, [
      { orderId: id, step: 1, outcome: { kind: 'accepted', ref: 'r' } },
    ])
    const steps = async () => (await readJobs(test_.app.pool, { orderIds: [id] })).map(({ step }) => step)
    // those of reserving and of the first step have not ended yet
    expect(await steps()).toEqual([null, 1, 2])
    expect(await sweep(test_.app)).toMatchObject({ requeued: [] })
    await dropJobs(test_.app.pool, { orderIds: [id], step: 2 })
    expect(await sweep(test_.app)).toMatchObject({ requeued: [id] })
    expect(await steps()).toEqual([null, 1, 2])
  })

  test('buries a job that died on its last attempt: its order ends, with a dead letter', async () => {
    const { id } = await seed(test_.app).order({ sku: 'A', qty: 1 })
    await killJobs(test_.app.pool, 'gone', { orderIds: [id] })
    expect(await sweep(test_.app)).toMatchObject({ buried: [id] })
    const order = await find(id)
    expect(order).toMatchObject({ status: 'FAILED', failureReason: 'INTERNAL_ERROR' })
    expect(order.deadLetters).toMatchObject([{ task: 'reserve-inventory', error: 'gone', attempts: 8 }])
    expect(await sweep(test_.app)).toMatchObject({ buried: [] })
  })

  test('splits a dead job of several orders: each gets a job of its own, and none is FAILED for another', async () => {
    const orders = await Promise.all([1, 2, 3].map(() => seed(test_.app).order({ sku: 'A', qty: 1 })))
    const ids = orders.map(({ id }) => id)
    const { id: alone } = await seed(test_.app).order({ sku: 'A', qty: 1 })
    const shared = await readJobs(test_.app.pool, { orderIds: ids })
    expect(shared).toMatchObject([{ orderIds: ids }])
    // one was reserved before the job died
    await reserveOrders(test_.app, [ids[1]!])
    await killJobs(test_.app.pool, 'gone', { orderIds: [...ids, alone] })
    const swept = await sweep(test_.app)
    expect(swept).toMatchObject({ requeued: [], failures: [], setAside: [] })
    expect(swept.buried).toContain(alone)
    expect(await find(alone)).toMatchObject({
      status: 'FAILED',
      deadLetters: [{ error: 'gone', attempts: 8 }],
    })
    for (const [turn, id] of ids.entries()) {
      expect(await find(id)).toMatchObject({ status: turn === 1 ? 'RESERVED' : 'PENDING', deadLetters: [] })
    }
    const jobs = await readJobs(test_.app.pool, { orderIds: [...ids, alone] })
    expect(jobs).toMatchObject(
      ids.map((id) => ({
        orderIds: [id],
        attempts: 0,
        attemptsMax: 8,
        error: null,
        dueInMs: expect.any(Number),
      })),
    )
    // the origin of each went along
    expect(jobs.map(({ payload }) => payload)).toEqual(
      ids.map((orderId) => ({ orders: [{ orderId, origin: { caller: 'anonymous' } }] })),
    )
    expect(await findBreaches(test_.app.pool)).toEqual([])
    // of the guilty one's job the next death is the end, and of no other
    await killJobs(test_.app.pool, 'gone again', { orderIds: [ids[0]!] })
    expect(await sweep(test_.app)).toMatchObject({ buried: [ids[0]] })
    expect(await find(ids[0]!)).toMatchObject({ status: 'FAILED', deadLetters: [{ error: 'gone again' }] })
    expect(await find(ids[2]!)).toMatchObject({ status: 'PENDING' })
  })

  test('gives orders that lost the job they shared one job together, and those that have theirs none', async () => {
    const orders = await Promise.all([1, 2, 3].map(() => seed(test_.app).order({ sku: 'A', qty: 1 })))
    const ids = orders.map(({ id }) => id)
    await loseJobsOf(test_.app.pool, [ids[0]!, ids[2]!])
    expect(await sweep(test_.app)).toMatchObject({ requeued: [ids[0], ids[2]] })
    const jobs = await readJobs(test_.app.pool, { orderIds: ids })
    expect(jobs.map(({ orderIds }) => orderIds)).toEqual([[ids[1]], [ids[0], ids[2]]])
  })

  test('knows the job that a version before 0.2 wrote, and buries it when it is dead', async () => {
    const { id } = await seed(test_.app).order({ sku: 'A', qty: 1 })
    await dropJobsOf(id)
    const payload = { orderId: id, origin: { caller: 'anonymous' } }
    await addJob(test_.app.pool, 'reserve-inventory', payload)
    expect(await sweep(test_.app)).toMatchObject({ requeued: [], buried: [] })
    await killJobs(test_.app.pool, 'gone', { orderIds: [id] })
    expect(await sweep(test_.app)).toMatchObject({ requeued: [], buried: [id] })
    expect((await find(id)).deadLetters).toMatchObject([{ task: 'reserve-inventory', payload }])
  })

  test('puts a dead job aside that no order can be told from, says so once, and goes on with the others', async () => {
    const error = vi.spyOn(test_.app.logger, 'error')
    const { id } = await seed(test_.app).order({ sku: 'A', qty: 1 })
    const { id: stepless } = await seed(test_.app).order({ sku: 'A', qty: 1 })
    await dropJobsOf(stepless)
    for (const payload of [{ orderId: 'abc' }, { orderId: stepless }, [], 7]) {
      await addJob(test_.app.pool, 'request-supplier', payload)
    }
    for (const orders of [[], [{ orderId: stepless }, { orderId: 'abc' }], { orderId: stepless }, 7]) {
      await addJob(test_.app.pool, 'reserve-inventory', { orders })
    }
    await killJobs(test_.app.pool, null)
    expect(await findBreaches(test_.app.pool)).toEqual([])
    const swept = await sweep(test_.app)
    expect(swept).toMatchObject({ buried: expect.arrayContaining([id]), failures: [] })
    expect(swept.setAside).toHaveLength(8)
    expect(error).toHaveBeenCalledOnce()
    expect(JSON.stringify(error.mock.calls)).toContain('abc')
    // a job that is put aside brings nobody on
    expect(await sweep(test_.app)).toMatchObject({ buried: [], setAside: [], requeued: [stepless] })
    expect(error).toHaveBeenCalledOnce()
    error.mockRestore()
  })

  test('passes a dead job over whose order cannot be ended, and buries the others', async () => {
    const { app } = test_
    const { pool } = app
    await dropJobs(pool)
    await seed(app).item({ sku: 'DRIFTED', available: 1 })
    await seed(app).item({ sku: 'SHORT' })
    const lines: [string, number][] = [
      ['DRIFTED', 1],
      ['SHORT', 1],
    ]
    const { id: stuck } = await seed(app).order({ lines })
    await reserveOrders(app, [stuck])
    await dropJobs(pool, { orderIds: [stuck], task: 'reserve-inventory' })
    const others: string[] = []
    for (let count = 0; count < 4; count++) others.push((await seed(app).order({ sku: 'A' })).id)
    await killJobs(pool, 'gone', { orderIds: [stuck, ...others] })
    const drift = (reserved: number) =>
      pool.query(`update stock_levels set reserved = $1 where sku = 'DRIFTED'`, [reserved])
    await drift(0)
    const passedOver: PassedOver = new Map()
    const error = vi.spyOn(app.logger, 'error')
    const [job] = await readJobs(pool, { orderIds: [stuck] })
    const first = await sweep(app, { passedOver })
    expect(first.buried.sort()).toEqual(others)
    expect(first.failures).toEqual([expect.stringContaining(`job ${job!.id}: `)])
    expect(error.mock.calls).toMatchObject([[{ job: job!.id }, expect.any(String)]])
    error.mockRestore()
    // until its time has come it is not even tried
    expect(await sweep(app, { passedOver })).toMatchObject({ buried: [], failures: [] })
    await drift(1)
    passedOver.set(job!.id, performance.now())
    expect(await sweep(app, { passedOver })).toMatchObject({ buried: [stuck], failures: [] })
    expect(await find(stuck)).toMatchObject({ status: 'FAILED', deadLetters: [{ error: 'gone' }] })
  })
})

test('a sweep in the middle of load gives no order a second job: each has its own at any moment', async () => {
  const loaded = await createTestApp()
  await seed(loaded.app).item({ sku: 'L', available: 150 })
  supplier.follow({
    reserve: (orderId) =>
      orderId.endsWith('0') ? HttpResponse.error() : { accepted: true, ref: `ref-${orderId}` },
    status: (ref) => ({ status: ref.endsWith('1') ? 'delayed' : 'ok' }),
  })
  const worker = await startTestWorker(loaded)
  let isPlacing = true
  let sweeps = 0
  const place = async () => {
    for (let turn = 0; turn < 100 || sweeps < SWEEPS_MIN; turn++)
      await seed(loaded.app).order({ sku: 'L', qty: 1 })
  }
  const retry = async () => {
    for (let retried = 0; isPlacing || retried === 0; ) {
      const letters = await loaded.app.prisma.deadLetter.findMany({ where: { retriedAt: null }, take: 100 })
      await retryDeadLetters(
        loaded.app,
        LOCAL_OPERATOR,
        letters.map(({ id }) => id),
      )
      retried += letters.length
    }
  }
  const placed = Promise.all(Array.from({ length: 5 }, place)).finally(() => {
    isPlacing = false
  })
  const retried = retry()
  for (; isPlacing; sweeps++) {
    expect(await sweep(loaded.app)).toMatchObject({ requeued: [], buried: [], failures: [] })
  }
  await Promise.all([placed, retried])
  await eventually(async () => {
    expect(await sweep(loaded.app)).toMatchObject({ requeued: [], buried: [], failures: [] })
    return (
      (await loaded.app.prisma.order.count({
        where: { status: { in: ['PENDING', 'AWAITING_RESTOCK'] } },
      })) === 0
    )
  })
  await worker.stop()
  expect(await loaded.app.prisma.deadLetter.count({ where: { retriedAt: { not: null } } })).toBeGreaterThan(0)
  await loaded.close()
})
