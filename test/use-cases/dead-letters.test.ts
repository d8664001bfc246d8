import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findBreaches } from '../../src/sql/find-breaches.ts'
import { failOrders } from '../../src/use-cases/fail-orders.ts'
import { reconcile } from '../../src/use-cases/reconcile.ts'
import { reserveInventory } from '../../src/use-cases/reserve-inventory.ts'
import { retryDeadLetters } from '../../src/use-cases/retry-dead-letters.ts'
import { settleSupplierOutcomes } from '../../src/use-cases/settle-supplier-outcomes.ts'
import { sweep } from '../../src/use-cases/sweep.ts'
import { createTestApp, seed, type TestApp } from '../support/harness.ts'

let test_: TestApp
beforeAll(async () => {
  test_ = await createTestApp()
  await seed(test_.app).item({ sku: 'A', available: 10 })
})
afterAll(async () => {
  expect(await findBreaches(test_.app.pool)).toEqual([])
  await test_.close()
})

const find = (id: string) =>
  test_.app.prisma.order.findUniqueOrThrow({
    where: { id },
    include: { events: { orderBy: { version: 'asc' } }, deadLetters: true },
  })

const dropJobsOf = (id: string) =>
  test_.app.pool.query(`delete from graphile_worker._private_jobs where payload ->> 'orderId' = $1`, [id])

async function failed() {
  const { id } = await seed(test_.app).order({ sku: 'A', qty: 2 })
  const payload = { orderId: id }
  const deadLetter = { task: 'reserve-inventory' as const, payload, error: 'Error: no disk\0', attempts: 8 }
  await failOrders(test_.app, [{ orderId: id, deadLetter }])
  await dropJobsOf(id)
  return id
}

describe('a dead letter', () => {
  test('is written in the transaction that ends its order, once', async () => {
    const id = await failed()
    await failOrders(test_.app, [
      {
        orderId: id,
        deadLetter: { task: 'reserve-inventory', payload: { orderId: id }, error: 'again', attempts: 8 },
      },
    ])
    const order = await find(id)
    expect(order).toMatchObject({ status: 'FAILED', failureReason: 'INTERNAL_ERROR', version: 2 })
    expect(order.deadLetters).toMatchObject([
      {
        task: 'reserve-inventory',
        payload: { orderId: id },
        error: 'Error: no disk',
        attempts: 8,
        traceId: id.replaceAll('-', ''),
        retriedAt: null,
      },
    ])
  })

  test('is not written by a late job: an order that came on meanwhile stays as it is', async () => {
    const { id } = await seed(test_.app).order({ sku: 'A', qty: 100 })
    await reserveInventory(test_.app, [id])
    const late = { error: 'late', attempts: 8 }
    await failOrders(test_.app, [
      { orderId: id, deadLetter: { task: 'reserve-inventory', payload: { orderId: id }, ...late } },
    ])
    await settleSupplierOutcomes(test_.app, [
      { orderId: id, step: 1, outcome: { kind: 'accepted', ref: 'r' } },
    ])
    await failOrders(test_.app, [
      { orderId: id, deadLetter: { task: 'request-supplier', payload: { orderId: id, step: 1 }, ...late } },
    ])
    expect(await find(id)).toMatchObject({ status: 'AWAITING_RESTOCK', version: 2, deadLetters: [] })
    await failOrders(test_.app, [
      {
        orderId: id,
        deadLetter: { task: 'check-supplier-status', payload: { orderId: id, step: 2 }, ...late },
      },
    ])
    expect(await find(id)).toMatchObject({ status: 'FAILED', failureReason: 'INTERNAL_ERROR' })
  })

  test('is left by a supplier that could not be reached, and by no answer that it gave', async () => {
    const { id: unreachable } = await seed(test_.app).order({ sku: 'A', qty: 100 })
    const { id: refused } = await seed(test_.app).order({ sku: 'A', qty: 100 })
    await reserveInventory(test_.app, [unreachable, refused])
    const outage = { kind: 'transport-error', detail: 'answered 503' } as const
    for (let step = 1; step <= 3; step++) {
      await settleSupplierOutcomes(test_.app, [{ orderId: unreachable, step, outcome: outage }])
    }
    await settleSupplierOutcomes(test_.app, [{ orderId: refused, step: 1, outcome: { kind: 'refused' } }])
    const order = await find(unreachable)
    expect(order).toMatchObject({ status: 'FAILED', failureReason: 'SUPPLIER_UNREACHABLE' })
    expect(order.deadLetters).toMatchObject([
      {
        task: 'request-supplier',
        payload: { orderId: unreachable, step: 3 },
        error: 'answered 503',
        attempts: 3,
      },
    ])
    expect((await find(refused)).deadLetters).toEqual([])
  })

  test('opens its order again when it is retried, which loses no history, and a second time does nothing', async () => {
    const id = await failed()
    const [letter] = (await find(id)).deadLetters
    const results = await Promise.all(
      Array.from({ length: 5 }, () => retryDeadLetters(test_.app, [letter!.id, 'nonsense'])),
    )
    expect(results.flat()).toEqual([letter!.id])
    const reopened = await find(id)
    expect(reopened).toMatchObject({ status: 'PENDING', failureReason: null, version: 3 })
    expect(reopened.events.map(({ type, reason }) => [type, reason])).toEqual([
      ['OrderCreated', null],
      ['OrderFailed', 'INTERNAL_ERROR'],
      ['OrderReopened', null],
    ])
    expect(reopened.deadLetters[0]!.retriedAt).not.toBeNull()
    await reserveInventory(test_.app, [id])
    expect(await find(id)).toMatchObject({ status: 'RESERVED', version: 4 })
  })

  test('of an order that failed at its supplier: the supplier is asked anew, and late calls of before do nothing', async () => {
    const { id } = await seed(test_.app).order({ sku: 'A', qty: 100 })
    await reserveInventory(test_.app, [id])
    await settleSupplierOutcomes(test_.app, [
      { orderId: id, step: 1, outcome: { kind: 'accepted', ref: 'old' } },
    ])
    for (let step = 2; step <= 4; step++) {
      await settleSupplierOutcomes(test_.app, [
        { orderId: id, step, outcome: { kind: 'transport-error', detail: 'x' } },
      ])
    }
    const [letter] = (await find(id)).deadLetters
    await retryDeadLetters(test_.app, [letter!.id])
    await reserveInventory(test_.app, [id])
    const order = await find(id)
    expect(order).toMatchObject({
      status: 'AWAITING_RESTOCK',
      supplierRef: null,
      supplierAttempts: 0,
      supplierRechecks: 0,
    })
    for (let step = 1; step < order.supplierStep; step++) {
      await settleSupplierOutcomes(test_.app, [{ orderId: id, step, outcome: { kind: 'ok' } }])
    }
    expect(await find(id)).toMatchObject({ status: 'AWAITING_RESTOCK' })
    await settleSupplierOutcomes(test_.app, [
      { orderId: id, step: order.supplierStep, outcome: { kind: 'ok' } },
    ])
    expect(await find(id)).toMatchObject({ status: 'RESERVED' })
  })
})

describe('the sweeper', () => {
  test('gives each order that lost its job the job that its state asks for, and leaves those that have one alone', async () => {
    const { id: pending } = await seed(test_.app).order({ sku: 'A', qty: 1 })
    const { id: awaiting } = await seed(test_.app).order({ sku: 'A', qty: 100 })
    const { id: accepted } = await seed(test_.app).order({ sku: 'A', qty: 100 })
    await reserveInventory(test_.app, [awaiting, accepted])
    await settleSupplierOutcomes(test_.app, [
      { orderId: accepted, step: 1, outcome: { kind: 'accepted', ref: 'r' } },
    ])
    for (const id of [pending, awaiting, accepted]) await dropJobsOf(id)
    const { id: healthy } = await seed(test_.app).order({ sku: 'A', qty: 1 })
    expect(await sweep(test_.app)).toMatchObject({ requeued: 0 })
    expect(await sweep(test_.app, { untouchedMs: 0 })).toMatchObject({ requeued: 3 })
    expect(await sweep(test_.app, { untouchedMs: 0 })).toMatchObject({ requeued: 0 })
    const { rows } = await test_.app.pool.query(
      `select identifier as task, payload from graphile_worker._private_jobs as jobs
      join graphile_worker._private_tasks as tasks on tasks.id = task_id
      where payload ->> 'orderId' = any ($1)`,
      [[pending, awaiting, accepted, healthy]],
    )
    expect(rows).toHaveLength(4)
    expect(rows).toEqual(
      expect.arrayContaining([
        { task: 'reserve-inventory', payload: { orderId: pending } },
        { task: 'request-supplier', payload: { orderId: awaiting, step: 1 } },
        { task: 'check-supplier-status', payload: { orderId: accepted, step: 2 } },
        { task: 'reserve-inventory', payload: { orderId: healthy } },
      ]),
    )
  })

  test('is not deceived by an out-of-date job: an order that lost its current one gets it', async () => {
    const { id } = await seed(test_.app).order({ sku: 'A', qty: 100 })
    await reserveInventory(test_.app, [id])
    await settleSupplierOutcomes(test_.app, [
      { orderId: id, step: 1, outcome: { kind: 'accepted', ref: 'r' } },
    ])
    const jobs = async () => {
      const { rows } = await test_.app.pool.query(
        `select payload ->> 'step' as step from graphile_worker._private_jobs where payload ->> 'orderId' = $1 order by id`,
        [id],
      )
      return rows.map((row) => row.step)
    }
    // those of reserving and of the first step have not ended yet
    expect(await jobs()).toEqual([null, '1', '2'])
    expect(await sweep(test_.app, { untouchedMs: 0 })).toMatchObject({ requeued: 0 })
    await test_.app.pool.query(
      `delete from graphile_worker._private_jobs where payload ->> 'orderId' = $1 and payload ->> 'step' = '2'`,
      [id],
    )
    expect(await sweep(test_.app, { untouchedMs: 0 })).toMatchObject({ requeued: 1 })
    expect(await jobs()).toEqual([null, '1', '2'])
  })

  test('buries a job that died on its last attempt: its order ends, with a dead letter', async () => {
    const { id } = await seed(test_.app).order({ sku: 'A', qty: 1 })
    await test_.app.pool.query(
      `update graphile_worker._private_jobs set attempts = max_attempts, last_error = 'gone' where payload ->> 'orderId' = $1`,
      [id],
    )
    expect(await sweep(test_.app)).toMatchObject({ buried: 1 })
    const order = await find(id)
    expect(order).toMatchObject({ status: 'FAILED', failureReason: 'INTERNAL_ERROR' })
    expect(order.deadLetters).toMatchObject([{ task: 'reserve-inventory', error: 'gone', attempts: 8 }])
    expect(await sweep(test_.app)).toMatchObject({ buried: 0 })
  })

  test('forgets idempotency keys after two days, and not after one', async () => {
    const insert = `insert into idempotency_keys select 'c', $1, id, now() - $2::interval from orders limit 1`
    await test_.app.pool.query(insert, ['old', '49 hours'])
    await test_.app.pool.query(insert, ['young', '25 hours'])
    expect(await sweep(test_.app)).toMatchObject({ keysDeleted: 1 })
    expect(await test_.app.prisma.idempotencyKey.findMany({ select: { key: true } })).toEqual([
      { key: 'young' },
    ])
  })
})

describe('reconciling', () => {
  test('finds drift and, when it is not asked to mend it, changes nothing', async () => {
    await test_.app.pool.query(
      `update inventory_items set available = available + 3, reserved = reserved + 1 where sku = 'A'`,
    )
    for (let i = 0; i < 2; i++) {
      const { breaches, repairs, left } = await reconcile(test_.app, { repair: false })
      expect(breaches.map((breach) => breach.invariant)).toEqual([
        'available is the sum of the movements',
        'reserved is the sum of the reserved orders',
      ])
      expect(repairs).toEqual([])
      expect(left).toEqual(breaches)
    }
  })

  test('mends it by a movement that says so', async () => {
    const { id } = await seed(test_.app).order({ sku: 'A', qty: 1 })
    await dropJobsOf(id)
    const before = await test_.app.prisma.inventoryItem.findUniqueOrThrow({ where: { sku: 'A' } })
    const { repairs, left } = await reconcile(test_.app, { repair: true })
    expect(left).toEqual([])
    expect(repairs).toHaveLength(3)
    const item = await test_.app.prisma.inventoryItem.findUniqueOrThrow({ where: { sku: 'A' } })
    expect(item).toMatchObject({ available: before.available, reserved: before.reserved - 1n })
    const [movement] = await test_.app.prisma.inventoryMovement.findMany({ orderBy: { id: 'desc' }, take: 1 })
    expect(movement).toMatchObject({
      type: 'ADJUSTMENT',
      delta: 3,
      actor: 'reconcile',
      availableAfter: item.available,
    })
    expect(await reconcile(test_.app, { repair: true })).toEqual({ breaches: [], repairs: [], left: [] })
  })
})
