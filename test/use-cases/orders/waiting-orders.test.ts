import { describe, expect } from 'vitest'
import type { App } from '../../../src/create-app.ts'
import { type Caller, LOCAL_OPERATOR } from '../../../src/domain/caller.ts'
import type { SupplierOutcome } from '../../../src/domain/supplier/supplier-policy.ts'
import { serveWaiting } from '../../../src/use-cases/orders/serve-waiting.ts'
import { cancelOrder } from '../../../src/use-cases/orders/verbs/cancel-order.ts'
import { listWaitingOrders, sumWaiting } from '../../../src/use-cases/stock/list-waiting-orders.ts'
import { settleSupplierOutcomes } from '../../../src/use-cases/supplier/settle-supplier-outcomes.ts'
import { test } from '../../support/fixtures.ts'
import { seed } from '../../support/harness.ts'
import { dropJobs, readJobs } from '../../support/queue.ts'
import { readItem, readRequest } from '../../support/read-stock.ts'
import { reserveOrders } from '../../support/reserve-orders.ts'
import { create, type Lines, marked, place, read, statusesOf } from '../../support/waiting-orders.ts'

/** Serves until nobody is being served, as the jobs would. */
async function serveAll(app: App): Promise<void> {
  for (let passes = 0; ; passes++) {
    const skus = await marked(app)
    if (skus.length === 0) return
    expect(passes).toBeLessThan(100)
    for (const sku of skus) await serveWaiting(app, { sku })
  }
}

describe('an order that is short', () => {
  test('fails at once if it is to fail, and says what was missing', async ({ app }) => {
    await seed(app).item({ sku: 'A', available: 3 })
    await seed(app).item({ sku: 'B', available: 3 })
    const id = await place(app, {
      ifShort: 'FAIL',
      lines: [
        ['A', 5],
        ['B', 1],
      ],
    })
    expect(await read(app, id)).toMatchObject({ status: 'FAILED', failureReason: 'OUT_OF_STOCK', version: 2 })
    const event = await app.prisma.orderEvent.findFirstOrThrow({
      where: { orderId: id, type: 'OrderFailed' },
    })
    expect(event.lines).toEqual([
      { sku: 'A', qty: 5, missing: 2 },
      { sku: 'B', qty: 1 },
    ])
    expect(await readItem(app, 'B')).toMatchObject({ available: 3n, reserved: 0n })
    expect(await app.prisma.deadLetter.count()).toBe(0)
    expect((await read(app, await place(app, { ifShort: 'FAIL', qty: 3 }))).status).toBe('RESERVED')
  })

  test('holds nothing while it waits, and nobody is asked for it', async ({ app }) => {
    await seed(app).item({ sku: 'A', available: 1 })
    await seed(app).item({ sku: 'B', available: 3 })
    const lines: Lines = [
      ['A', 2],
      ['B', 2],
    ]
    const id = await place(app, { lines })
    expect(await read(app, id)).toMatchObject({
      status: 'AWAITING_RESTOCK',
      lines: [{ reserved: 0 }, { reserved: 0 }],
    })
    expect(await app.prisma.supplierRequest.count()).toBe(0)
    expect(await sumWaiting(app, LOCAL_OPERATOR, ['A', 'B', 'C'])).toEqual(
      new Map([
        ['A', 2n],
        ['B', 2n],
      ]),
    )
    await seed(app).stock({ sku: 'A', qty: 1 })
    await serveAll(app)
    expect(await read(app, id)).toMatchObject({
      status: 'RESERVED',
      lines: [{ reserved: 2 }, { reserved: 2 }],
    })
    expect(await sumWaiting(app, LOCAL_OPERATOR, ['A', 'B'])).toEqual(new Map())
  })
})

describe('what raises the stock of a SKU', () => {
  test('writes a mark and one job, where somebody waits', async ({ app }) => {
    await seed(app).item({ sku: 'A' })
    await seed(app).stock({ sku: 'A', qty: 1 })
    expect(await marked(app)).toEqual([])
    const id = await place(app, { qty: 2 })
    await dropJobs(app.pool)
    await seed(app).stock({ sku: 'A', qty: 1 })
    await seed(app).stock({ sku: 'A', qty: 1 })
    expect(await marked(app)).toEqual(['A'])
    expect((await readJobs(app.pool)).map(({ task, payload }) => [task, payload])).toEqual([
      ['serve-waiting', { sku: 'A' }],
    ])
    await serveAll(app)
    expect((await read(app, id)).status).toBe('RESERVED')
  })

  test('makes new orders wait for their turn, behind those before them', async ({ app }) => {
    await seed(app).item({ sku: 'A' })
    const first = await place(app, { qty: 3 })
    await seed(app).stock({ sku: 'A', qty: 4 })
    const late = [
      await place(app, { qty: 2, ifShort: 'FAIL' }),
      await place(app, { qty: 1, ifShort: 'ASK_SUPPLIER' }),
      await place(app, { qty: 1 }),
    ]
    expect(await statusesOf(app, late)).toEqual(['PENDING', 'PENDING', 'PENDING'])
    expect(await listWaitingOrders(app, LOCAL_OPERATOR, { sku: 'A', after: null, sizeMax: 9 })).toEqual([
      first,
      ...late,
    ])
    await serveAll(app)
    expect(await statusesOf(app, [first, ...late])).toEqual([
      'RESERVED',
      'FAILED',
      'RESERVED',
      'AWAITING_RESTOCK',
    ])
  })

  test('is also a level that is made, a location that becomes active, and a part that is cancelled', async ({
    app,
  }) => {
    await seed(app).item({ sku: 'A' })
    await seed(app).item({ sku: 'B', available: 1 })
    await seed(app).location('WEST')
    await seed(app).location('EAST', { isActive: false })
    const ids = [await place(app, { qty: 2 }), await place(app, { qty: 3 })]
    await seed(app).stock({ sku: 'A', location: 'WEST', qty: 2 })
    await serveAll(app)
    expect(await statusesOf(app, ids)).toEqual(['RESERVED', 'AWAITING_RESTOCK'])
    await seed(app).stock({ sku: 'A', location: 'EAST', qty: 3 })
    await serveAll(app)
    expect((await read(app, ids[1]!)).status).toBe('AWAITING_RESTOCK')
    await seed(app).location('EAST', { isActive: true })
    await serveAll(app)
    expect((await read(app, ids[1]!)).status).toBe('RESERVED')
    const both = await place(app, {
      lines: [
        ['A', 1],
        ['B', 1],
      ],
    })
    await cancelOrder(app, LOCAL_OPERATOR, { id: both, lines: [{ sku: 'A', qty: 1 }] })
    await serveAll(app)
    expect(await read(app, both)).toMatchObject({
      status: 'RESERVED',
      lines: [{ cancelled: 1 }, { reserved: 1 }],
    })
  })

  test('passes over who does not fit, or may not take from there', async ({ app }) => {
    await seed(app).item({ sku: 'A' })
    await seed(app).location('WEST')
    const ids = [
      await place(app, { qty: 5 }),
      await place(app, { qty: 1, locations: ['WEST'] }),
      await place(app, { qty: 2 }),
    ]
    await seed(app).stock({ sku: 'A', qty: 3 })
    await serveAll(app)
    expect(await statusesOf(app, ids)).toEqual(['AWAITING_RESTOCK', 'AWAITING_RESTOCK', 'RESERVED'])
    expect(await listWaitingOrders(app, LOCAL_OPERATOR, { sku: 'A', after: null, sizeMax: 9 })).toEqual(
      ids.slice(0, 2),
    )
  })
})

test('who is served from stock needs the supplier no more, and what that delivers serves the next', async ({
  app,
}) => {
  await seed(app).item({ sku: 'A' })
  const settle = async (orderId: string, outcome: SupplierOutcome) => {
    const { step } = await readRequest(app, orderId)
    await settleSupplierOutcomes(app, [{ orderId, sku: 'A', step, outcome }])
  }
  const [first, second] = [
    await place(app, { qty: 2, ifShort: 'ASK_SUPPLIER' }),
    await place(app, { qty: 2, ifShort: 'ASK_SUPPLIER' }),
  ]
  await settle(first, { kind: 'accepted', ref: 'one' })
  await seed(app).stock({ sku: 'A', qty: 2 })
  await serveAll(app)
  expect(await statusesOf(app, [first, second])).toEqual(['RESERVED', 'AWAITING_RESTOCK'])
  await settle(first, { kind: 'ok' })
  await serveAll(app)
  expect(await read(app, first)).toMatchObject({ status: 'RESERVED', lines: [{ reserved: 2 }] })
  expect(await read(app, second)).toMatchObject({ status: 'RESERVED', lines: [{ reserved: 2 }] })
  await settle(second, { kind: 'refused' })
  expect((await read(app, second)).status).toBe('RESERVED')
  expect(await readItem(app, 'A')).toMatchObject({ available: 0n, reserved: 4n })
})

test('an order of two SKUs takes its turn in both queues', async ({ app }) => {
  for (const sku of ['A', 'B']) await seed(app).item({ sku })
  const [onlyB, both, onlyA] = [
    await place(app, { lines: [['B', 1]] }),
    await place(app, {
      lines: [
        ['A', 1],
        ['B', 1],
      ],
    }),
    await place(app, { lines: [['A', 1]] }),
  ]
  await seed(app).stock({ sku: 'B', qty: 2 })
  await seed(app).stock({ sku: 'A', qty: 1 })
  // before it in the queue of B is one that was not served yet: the pass serves both queues
  await serveWaiting(app, { sku: 'A' })
  expect(await statusesOf(app, [onlyB, both, onlyA])).toEqual(['RESERVED', 'RESERVED', 'AWAITING_RESTOCK'])
  expect(await marked(app)).toEqual([])
})

test('orders that are in the same two queues are served together, and those that wait for a third SKU are left', async ({
  app,
}) => {
  for (const sku of ['A', 'B', 'C']) await seed(app).item({ sku })
  const lines = (...skus: string[]) => ({ lines: skus.map((sku): [string, number] => [sku, 1]) })
  const waiting: string[] = []
  for (let count = 0; count < 20; count++) {
    waiting.push(await place(app, lines('A', 'B')), await place(app, lines('A', 'B', 'C')))
  }
  for (const sku of ['A', 'B']) await seed(app).stock({ sku, qty: 100 })
  const late = await place(app, lines('A'))
  await serveWaiting(app, { sku: 'A' })
  const served = [...Array(20).fill(['RESERVED', 'AWAITING_RESTOCK']).flat(), 'RESERVED']
  expect(await statusesOf(app, [...waiting, late])).toEqual(served)
  expect(await marked(app)).toEqual([])
})

test('the queue of more orders than one pass takes is served to its end', async ({ app }) => {
  await seed(app).item({ sku: 'A' })
  const ids = await Promise.all(Array.from({ length: 1_100 }, () => create(app)))
  await reserveOrders(app, ids)
  await seed(app).stock({ sku: 'A', qty: 1_050 })
  await serveWaiting(app, { sku: 'A' })
  expect(await readItem(app, 'A')).toMatchObject({ reserved: 500n })
  await serveAll(app)
  expect(await readItem(app, 'A')).toMatchObject({ available: 0n, reserved: 1_050n })
  const waiting = await listWaitingOrders(app, LOCAL_OPERATOR, { sku: 'A', after: null, sizeMax: 100 })
  expect(waiting).toEqual(ids.toSorted().slice(1_050))
})

test('customers see their own place in a queue, and not how many wait', async ({ app }) => {
  await seed(app).item({ sku: 'A' })
  const own = await place(app, { customerId: 'alice' })
  await place(app, { customerId: 'bob' })
  const alice: Caller = { id: 'alice', role: 'customer', expiresAt: null }
  expect(await listWaitingOrders(app, alice, { sku: 'A', after: null, sizeMax: 9 })).toEqual([own])
  expect(await listWaitingOrders(app, alice, { sku: 'A', after: own, sizeMax: 9 })).toEqual([])
  expect(await listWaitingOrders(app, alice, { sku: 'no SKU', after: null, sizeMax: 9 })).toEqual([])
  await expect(sumWaiting(app, alice, ['A'])).rejects.toMatchObject({ code: 'FORBIDDEN' })
})
