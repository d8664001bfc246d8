import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { LOCAL_OPERATOR } from '../../../src/domain/caller.ts'
import { cancelOrder } from '../../../src/use-cases/orders/verbs/cancel-order.ts'
import { adjustInventory } from '../../../src/use-cases/stock/verbs/adjust-inventory.ts'
import { findSupplierCall } from '../../../src/use-cases/supplier/find-supplier-call.ts'
import {
  type SettledCall,
  settleSupplierOutcomes,
} from '../../../src/use-cases/supplier/settle-supplier-outcomes.ts'
import { createTestApp, joinTestApp, seed, type TestApp } from '../../support/harness.ts'
import { readJobs } from '../../support/queue.ts'
import { readItem, readRequest } from '../../support/read-stock.ts'
import { reserveOrders } from '../../support/reserve-orders.ts'

const RECHECK_DELAY_MS = 15_000

let test_: TestApp
beforeAll(async () => {
  test_ = await createTestApp({
    recheckDelayMs: RECHECK_DELAY_MS,
    recheckLimit: 2,
    recheckFactor: 1,
    attemptsMax: 8,
    retryBaseMs: 1_000,
  })
})
afterAll(() => test_.close())

let skuCount = 0
let sku = ''
beforeEach(async () => {
  sku = `SKU-${++skuCount}`
  await seed(test_.app).item({ sku })
})

async function awaiting(count = 1) {
  const ids = []
  for (let i = 0; i < count; i++) ids.push((await seed(test_.app).order({ sku, qty: i + 1 })).id)
  await reserveOrders(test_.app, ids)
  return ids
}

const find = (id: string) => test_.app.prisma.order.findUniqueOrThrow({ where: { id } })

/** The jobs of an order with how many seconds from now each is due. */
async function jobsOf(id: string) {
  const jobs = await readJobs(test_.app.pool, { orderIds: [id] })
  return jobs
    .filter(({ step }) => step !== null)
    .map(({ task, step, delayMs }) => ({ task, step, dueInS: delayMs / 1_000 }))
}

test('"accepted" keeps the reference, leaves state and version, and schedules the check in 15 s', async () => {
  const [id] = await awaiting()
  await settleSupplierOutcomes(test_.app, [
    { orderId: id!, step: 1, outcome: { kind: 'accepted', ref: 'ref-9' } },
  ])
  expect(await find(id!)).toMatchObject({ status: 'AWAITING_RESTOCK', version: 2 })
  expect(await readRequest(test_.app, id!)).toMatchObject({ state: 'ACCEPTED', ref: 'ref-9', step: 2 })
  const [, check] = await jobsOf(id!)
  expect(check).toEqual({ task: 'check-supplier-status', step: 2, dueInS: RECHECK_DELAY_MS / 1_000 })
})

test('"delayed" leaves state and version, and schedules the next check in 15 s', async () => {
  const [id] = await awaiting()
  await settleSupplierOutcomes(test_.app, [
    { orderId: id!, step: 1, outcome: { kind: 'accepted', ref: 'ref-9' } },
  ])
  await settleSupplierOutcomes(test_.app, [{ orderId: id!, step: 2, outcome: { kind: 'delayed' } }])
  expect(await find(id!)).toMatchObject({ status: 'AWAITING_RESTOCK', version: 2 })
  expect(await readRequest(test_.app, id!)).toMatchObject({ state: 'ACCEPTED', rechecks: 1 })
  expect((await jobsOf(id!)).at(-1)).toEqual({
    task: 'check-supplier-status',
    step: 3,
    dueInS: RECHECK_DELAY_MS / 1_000,
  })
})

test('a call that was not made is made at once where the line waits again, and withdrawn where it does not', async () => {
  const [id] = await awaiting()
  await settleSupplierOutcomes(test_.app, [{ orderId: id!, step: 1, outcome: { kind: 'not-asked' } }])
  expect(await readRequest(test_.app, id!)).toMatchObject({ state: 'ASKED', step: 2, attempts: 0 })
  expect((await jobsOf(id!)).at(-1)).toEqual({ task: 'request-supplier', step: 2, dueInS: 0 })
  await cancelOrder(test_.app, LOCAL_OPERATOR, { id: id! })
  await settleSupplierOutcomes(test_.app, [{ orderId: id!, step: 2, outcome: { kind: 'not-asked' } }])
  expect(await readRequest(test_.app, id!)).toMatchObject({ state: 'WITHDRAWN', step: 3 })
  expect(await find(id!)).toMatchObject({ status: 'CANCELLED', version: 3 })
})

test('the outcome of a call that is out of date changes nothing and schedules nothing', async () => {
  const [id] = await awaiting()
  const accepted = { orderId: id!, step: 1, outcome: { kind: 'accepted', ref: 'ref-1' } } as const
  await settleSupplierOutcomes(test_.app, [accepted])
  const read = async () => [await find(id!), await readRequest(test_.app, id!), await jobsOf(id!)]
  const before = await read()
  await settleSupplierOutcomes(test_.app, [{ ...accepted, outcome: { kind: 'accepted', ref: 'ref-2' } }])
  await settleSupplierOutcomes(test_.app, [{ ...accepted, outcome: { kind: 'refused' } }])
  await settleSupplierOutcomes(test_.app, [{ ...accepted, step: 7, outcome: { kind: 'ok' } }])
  expect(await read()).toEqual(before)
  expect(await findSupplierCall(test_.app, { orderId: id!, step: 1 })).toBeNull()
  expect(await findSupplierCall(test_.app, { orderId: id!, sku, step: 2 })).toMatchObject({
    ref: 'ref-1',
    lines: 1,
  })
})

test('of several calls for one order in one transaction, the one that is not out of date counts, in any order', async () => {
  const [first, second] = await awaiting(2)
  for (const id of [first!, second!]) {
    await settleSupplierOutcomes(test_.app, [
      { orderId: id, step: 1, outcome: { kind: 'accepted', ref: 'r' } },
    ])
  }
  const stale = { step: 1, outcome: { kind: 'transport-error', detail: 'late' } } as const
  const current = { step: 2, outcome: { kind: 'ok' } } as const
  await settleSupplierOutcomes(test_.app, [
    { orderId: first!, ...stale },
    { orderId: first!, ...current },
    { orderId: second!, ...current },
    { orderId: second!, ...stale },
  ])
  for (const id of [first!, second!]) expect(await find(id)).toMatchObject({ status: 'RESERVED', version: 3 })
})

test('two processes that settle the same calls, stale and current, at the same time change nothing twice', async () => {
  const other = await joinTestApp(test_)
  const ids = await awaiting(10)
  const accepted = ids.map(
    (orderId) => ({ orderId, step: 1, outcome: { kind: 'accepted', ref: 'r' } }) as const,
  )
  const delivered = ids.map((orderId) => ({ orderId, step: 2, outcome: { kind: 'ok' } }) as const)
  const settle = (calls: readonly SettledCall[]) =>
    [test_.app, other.app].flatMap((app) => [
      settleSupplierOutcomes(app, calls),
      settleSupplierOutcomes(app, calls.toReversed()),
    ])
  await Promise.all(settle(accepted))
  await Promise.all(settle([...accepted, ...delivered]))
  for (const id of ids) {
    expect(await find(id)).toMatchObject({ status: 'RESERVED', version: 3 })
    expect((await jobsOf(id)).map((job) => job.task)).toEqual(['request-supplier', 'check-supplier-status'])
  }
  await other.close()
})

test('outcomes of every kind for many orders share one transaction', async () => {
  const ids = await awaiting(6)
  const kinds = [
    { kind: 'accepted', ref: 'a' },
    { kind: 'refused' },
    { kind: 'ok' },
    { kind: 'fail' },
    { kind: 'ok' },
    { kind: 'transport-error', detail: '503' },
  ] as const
  await settleSupplierOutcomes(
    test_.app,
    ids.map((orderId, i) => ({ orderId, step: 1, outcome: kinds[i]! })),
  )
  const orders = await Promise.all(ids.map(find))
  expect(orders.map(({ status, failureReason }) => [status, failureReason])).toEqual([
    ['AWAITING_RESTOCK', null],
    ['FAILED', 'SUPPLIER_REFUSED'],
    ['RESERVED', null],
    ['FAILED', 'SUPPLIER_FAILED'],
    ['RESERVED', null],
    ['AWAITING_RESTOCK', null],
  ])
  expect(await readItem(test_.app, sku)).toMatchObject({ available: 0n, reserved: 8n })
})

test('goods that arrive go to their order, and stock that came meanwhile is left to others', async () => {
  const [id] = await awaiting()
  await adjustInventory(test_.app, LOCAL_OPERATOR, {
    sku,
    delta: 4,
    reason: 'found',
    expectedAvailable: null,
  })
  await settleSupplierOutcomes(test_.app, [{ orderId: id!, step: 1, outcome: { kind: 'ok' } }])
  const movements = await test_.app.prisma.inventoryMovement.findMany({
    where: { sku },
    orderBy: { id: 'asc' },
  })
  expect(movements.map(({ type, delta, availableAfter }) => [type, delta, availableAfter])).toEqual([
    ['ADJUSTMENT', 4, 4n],
    ['SUPPLIER_RECEIPT', 1, 5n],
    ['RESERVATION', -1, 4n],
  ])
})
