import pg from 'pg'
import { describe, expect } from 'vitest'
import type { App } from '../../../src/create-app.ts'
import { inTransaction } from '../../../src/database/transaction.ts'
import { type Caller, LOCAL_OPERATOR } from '../../../src/domain/caller.ts'
import type { SupplierOutcome } from '../../../src/domain/supplier/supplier-policy.ts'
import { serveWaiting } from '../../../src/use-cases/orders/serve-waiting.ts'
import { shipOrder } from '../../../src/use-cases/orders/verbs/ship-order.ts'
import { undoShipment } from '../../../src/use-cases/orders/verbs/undo-shipment.ts'
import { type BulkRow, changeMany } from '../../../src/use-cases/stock/change-many.ts'
import { listWaitingOrders } from '../../../src/use-cases/stock/list-waiting-orders.ts'
import { settleSupplierOutcomes } from '../../../src/use-cases/supplier/settle-supplier-outcomes.ts'
import { test } from '../../support/fixtures.ts'
import { eventually, seed, type TestApp } from '../../support/harness.ts'
import { readJobs } from '../../support/queue.ts'
import { readItem, readRequest } from '../../support/read-stock.ts'
import { reserveOrders } from '../../support/reserve-orders.ts'
import { by, changeRows, counted, DEFAULTS, readOrder, reserve } from './change-rows.ts'

/** Has the supplier say something of a line of an order. */
async function settle(app: App, orderId: string, sku: string, outcome: SupplierOutcome): Promise<void> {
  const { step } = await readRequest(app, orderId, sku)
  await settleSupplierOutcomes(app, [{ orderId, sku, step, outcome }])
}

/** Serves everybody who is to be served, as the jobs would. */
async function serveAll(app: App): Promise<void> {
  for (let passes = 0; passes < 100; passes++) {
    const { rows } = await app.pool.query<{ sku: string }>('select sku from serving order by sku')
    if (rows.length === 0) return
    for (const { sku } of rows) await serveWaiting(app, { sku })
  }
  throw new Error('queues are served without end')
}

const unreserving = { onShortfall: 'UNRESERVE_NEWEST' } as const

describe('an order whose promise was taken back', () => {
  test('is served again when stock comes, the oldest first, and its supplier is not asked again', async ({
    app,
  }) => {
    await seed(app).item({ sku: 'A', available: 2 })
    const first = await reserve(app, 2)
    const asking = await reserve(app, 3)
    expect(await readOrder(app, asking)).toMatchObject({
      status: 'AWAITING_RESTOCK',
      ifShort: 'ASK_SUPPLIER',
    })
    const asked = await readRequest(app, asking)
    await settle(app, asking, 'A', { kind: 'ok' })
    expect(await readOrder(app, asking)).toMatchObject({ status: 'RESERVED' })
    await changeRows(app, [counted(0n)], unreserving)
    expect(await readItem(app, 'A')).toMatchObject({ available: 0n, reserved: 0n })
    await serveAll(app)
    await changeRows(app, [by(4)])
    await serveAll(app)
    expect(await readOrder(app, first)).toMatchObject({ status: 'RESERVED', version: 4 })
    expect(await readOrder(app, asking)).toMatchObject({ status: 'AWAITING_RESTOCK' })
    await changeRows(app, [by(1)])
    await serveAll(app)
    expect(await readOrder(app, asking)).toMatchObject({ status: 'RESERVED' })
    expect(await readRequest(app, asking)).toMatchObject({ state: 'DELIVERED', askedAt: asked.askedAt })
    expect(await readJobs(app.pool, { task: 'request-supplier' })).toHaveLength(1)
  })

  test('is served at once from where there is enough', async ({ app }) => {
    await seed(app).item({ sku: 'A', available: 3 })
    const id = await reserve(app, 3)
    await seed(app).location('WEST')
    await seed(app).stock({ sku: 'A', location: 'WEST', qty: 5 })
    await changeRows(app, [counted(2n)], unreserving)
    expect((await readOrder(app, id)).status).toBe('AWAITING_RESTOCK')
    await serveAll(app)
    expect((await readOrder(app, id)).status).toBe('RESERVED')
    const levels = await app.prisma.stockLevel.findMany({ orderBy: { locationCode: 'asc' } })
    expect(levels).toMatchObject([
      { available: 2n, reserved: 0n },
      { available: 2n, reserved: 3n },
    ])
  })

  test('gives up a line whole, wherever it is held, and keeps its others', async ({ app }) => {
    await seed(app).location('WEST')
    await seed(app).item({ sku: 'A', available: 2 })
    await seed(app).item({ sku: 'B', available: 1 })
    await seed(app).stock({ sku: 'A', location: 'WEST', qty: 2 })
    const lines: [string, number][] = [
      ['A', 4],
      ['B', 1],
    ]
    const id = await reserve(app, 0, { lines })
    await changeRows(app, [by(-1)], unreserving)
    expect(await readOrder(app, id)).toMatchObject({
      status: 'AWAITING_RESTOCK',
      lines: [
        { sku: 'A', reserved: 0 },
        { sku: 'B', reserved: 1 },
      ],
    })
    expect(await readItem(app, 'A')).toMatchObject({ available: 3n, reserved: 0n })
    expect(await readItem(app, 'B')).toMatchObject({ available: 0n, reserved: 1n })
  })

  test('goes on waiting in line after a part of it was shipped, and ships the rest once it is served', async ({
    app,
  }) => {
    await seed(app).item({ sku: 'A', available: 2 })
    await seed(app).item({ sku: 'B', available: 2 })
    const lines: [string, number][] = [
      ['A', 2],
      ['B', 2],
    ]
    const id = await reserve(app, 0, { lines, customerId: 'alice' })
    const shipped = await shipOrder(app, LOCAL_OPERATOR, { id, lines: [{ sku: 'A', qty: 1 }] })
    await changeRows(app, [counted(1n, null, { sku: 'B' })], unreserving)
    expect(await readOrder(app, id)).toMatchObject({
      status: 'PARTIALLY_SHIPPED',
      lines: [{ reserved: 1, shipped: 1 }, { reserved: 0 }],
    })
    const alice: Caller = { id: 'alice', role: 'customer', expiresAt: null }
    expect(await listWaitingOrders(app, alice, { sku: 'B', after: null, sizeMax: 9 })).toEqual([id])
    const ship = () => shipOrder(app, LOCAL_OPERATOR, { id })
    expect((await ship()).userErrors).toMatchObject([{ code: 'WRONG_STATE' }])
    const undo = () => undoShipment(app, LOCAL_OPERATOR, { id: shipped.shipments[0]!.id })
    expect((await undo()).userErrors).toMatchObject([{ code: 'WRONG_STATE' }])
    await serveAll(app)
    await changeRows(app, [by(1, { sku: 'B' })])
    await serveAll(app)
    expect(await readOrder(app, id)).toMatchObject({
      status: 'PARTIALLY_SHIPPED',
      lines: [{}, { reserved: 2 }],
    })
    expect((await ship()).order).toMatchObject({ status: 'SHIPPED' })
  })

  test('is not failed by what its supplier says, and takes what the supplier brings', async ({ app }) => {
    await seed(app).item({ sku: 'A', available: 2 })
    await seed(app).item({ sku: 'B', available: 0 })
    const lines: [string, number][] = [
      ['A', 2],
      ['B', 1],
    ]
    const [refused, served] = [
      await reserve(app, 0, { lines }),
      await reserve(app, 0, {
        lines: [
          ['A', 1],
          ['B', 1],
        ],
      }),
    ]
    await changeRows(app, [by(1)])
    await serveAll(app)
    for (const id of [refused, served]) {
      expect(await readOrder(app, id)).toMatchObject({
        status: 'AWAITING_RESTOCK',
        lines: [{}, { reserved: 0 }],
      })
    }
    await changeRows(app, [counted(0n)], unreserving)
    await changeRows(app, [by(2)])
    await serveAll(app)
    await settle(app, refused, 'B', { kind: 'refused' })
    expect(await readOrder(app, refused)).toMatchObject({ status: 'AWAITING_RESTOCK' })
    await settle(app, served, 'B', { kind: 'ok' })
    // its line of A did not wait alone before: now it does, and fits
    await serveAll(app)
    expect(await readOrder(app, served)).toMatchObject({ status: 'RESERVED' })
  })

  test('is taken back only from who was there last, however many reserve meanwhile', async ({ app }) => {
    await seed(app).item({ sku: 'A', available: 40 })
    const ids = await Promise.all(Array.from({ length: 40 }, () => seed(app).order({ sku: 'A' }))).then(
      (orders) => orders.map(({ id }) => id),
    )
    const batches = Array.from({ length: 8 }, (_, batch) => ids.slice(batch * 5, batch * 5 + 5))
    const results = await Promise.allSettled([
      ...batches.map((batch) => reserveOrders(app, batch)),
      ...Array.from({ length: 8 }, () => changeRows(app, [by(-2)], unreserving)),
    ])
    expect(results.filter(({ status }) => status === 'rejected')).toEqual([])
    await serveAll(app)
    const orders = await Promise.all([...ids].sort().map((id) => readOrder(app, id)))
    const reserved = orders.filter(({ status }) => status === 'RESERVED')
    expect(reserved).toHaveLength(24)
    expect(await readItem(app, 'A')).toMatchObject({ available: 0n, reserved: 24n })
    for (const { status } of orders) expect(['RESERVED', 'AWAITING_RESTOCK', 'PENDING']).toContain(status)
  })
})

/** Takes promises back, with something done before each statement that begins with a text or has it as its name. */
function changeWhile(app: App, rows: readonly BulkRow[], hooks: Record<string, () => Promise<unknown>>) {
  return inTransaction(app, 'count-inventory', (tx) => {
    const query = (async (...args: Parameters<typeof tx.query>) => {
      const { name = '', text = String(args[0]) } = args[0] as { name?: string; text?: string }
      const hook = Object.entries(hooks).find(([start]) => name === start || text.startsWith(start))
      await hook?.[1]()
      return tx.query(...args)
    }) as typeof tx.query
    const options = { ...DEFAULTS, onShortfall: 'UNRESERVE_NEWEST' } as const
    return changeMany(app, { ...tx, query }, LOCAL_OPERATOR, rows, options)
  })
}

describe('a promise that is made while others are taken back', () => {
  test('is newer, and taken back first', async ({ app }) => {
    await seed(app).item({ sku: 'A', available: 3 })
    const older = await reserve(app, 2)
    let newer = ''
    const { unreserved } = await changeWhile(app, [counted(2n)], {
      savepoint: async () => {
        newer = await reserve(app, 1)
      },
    })
    expect(unreserved.map(({ id }) => id)).toEqual([newer])
    expect(await readOrder(app, older)).toMatchObject({ status: 'RESERVED' })
    expect(await readItem(app, 'A')).toMatchObject({ available: 0n, reserved: 2n })
    await serveAll(app)
  })

  test('again and again holds up no count', async ({ app }) => {
    await seed(app).item({ sku: 'A', available: 0 })
    for (let counts = 0; counts < 10; counts++) {
      await changeRows(app, [by(200)])
      await serveAll(app)
      let isOver = false
      const shop = async () => {
        while (!isOver) await reserve(app, 1, { ifShort: 'WAIT' })
      }
      const before = (await readItem(app, 'A')).reserved
      const shops = Array.from({ length: 4 }, shop)
      const reserved = (await eventually(async () => {
        const { reserved } = await readItem(app, 'A')
        return reserved >= before + 10n ? reserved : undefined
      }))!
      const counting = changeRows(app, [counted(reserved - 5n)], unreserving).finally(() => {
        isOver = true
      })
      const [{ unreserved }] = await Promise.all([counting, ...shops])
      expect(unreserved.length).toBeGreaterThanOrEqual(5)
    }
    await serveAll(app)
  })
})

describe('an order that somebody else has locked', () => {
  /** Locks the newest order before each look at those that are free, and frees it once the stock is given up, so many times. */
  async function changeAgainst(
    app: App,
    testApp: TestApp,
    times: number,
    reserveOne: () => Promise<unknown>,
  ) {
    const other = new pg.Client({ connectionString: testApp.databaseUrl })
    await other.connect()
    let left = times
    try {
      return await changeWhile(app, [counted(0n)], {
        savepoint: reserveOne,
        'lock-free-orders': async () => {
          if (left-- > 0) await other.query('begin; select from orders order by id desc limit 1 for update')
        },
        'rollback to': () => other.query('rollback'),
      })
    } finally {
      await other.end()
    }
  }

  test('is waited for without the stock, and gives up its promise then', async ({ app, testApp }) => {
    await seed(app).item({ sku: 'A', available: 3 })
    const id = await reserve(app, 2)
    const { unreserved } = await changeAgainst(app, testApp, 1, async () => {})
    expect(unreserved.map(({ id }) => id)).toEqual([id])
    expect(await readItem(app, 'A')).toMatchObject({ available: 0n, reserved: 0n })
  })

  test('and another at every try has the call give up, and change nothing', async ({ app, testApp }) => {
    await seed(app).item({ sku: 'A', available: 20 })
    const id = await reserve(app, 2)
    const change = changeAgainst(app, testApp, 9, () => reserve(app, 1))
    await expect(change).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    expect(await readOrder(app, id)).toMatchObject({ status: 'RESERVED', version: 2 })
    expect(await readItem(app, 'A')).toMatchObject({ available: 13n, reserved: 7n })
  })
})
