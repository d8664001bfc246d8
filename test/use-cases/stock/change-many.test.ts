import pg from 'pg'
import { describe, expect } from 'vitest'
import type { App } from '../../../src/create-app.ts'
import { inTransaction } from '../../../src/database/transaction.ts'
import { type Caller, LOCAL_OPERATOR } from '../../../src/domain/caller.ts'
import type { SupplierOutcome } from '../../../src/domain/supplier/supplier-policy.ts'
import { findOrder } from '../../../src/use-cases/orders/find-order.ts'
import { serveWaiting } from '../../../src/use-cases/orders/serve-waiting.ts'
import { shipOrder } from '../../../src/use-cases/orders/verbs/ship-order.ts'
import { undoShipment } from '../../../src/use-cases/orders/verbs/undo-shipment.ts'
import { type BulkOptions, type BulkRow, changeMany } from '../../../src/use-cases/stock/change-many.ts'
import { listWaitingOrders } from '../../../src/use-cases/stock/list-waiting-orders.ts'
import { settleSupplierOutcomes } from '../../../src/use-cases/supplier/settle-supplier-outcomes.ts'
import { test } from '../../support/fixtures.ts'
import { eventually, seed, type TestApp } from '../../support/harness.ts'
import { readJobs } from '../../support/queue.ts'
import { readItem, readRequest } from '../../support/read-stock.ts'
import { reserveOrders } from '../../support/reserve-orders.ts'

const DEFAULTS: BulkOptions = {
  reason: 'test',
  errorPolicy: 'ALL_OR_NOTHING',
  dryRun: false,
  onShortfall: 'REFUSE',
}

function change(app: App, rows: readonly BulkRow[], options: Partial<BulkOptions> = {}) {
  return inTransaction(app, 'adjust-inventories', (tx) =>
    changeMany(app, tx, LOCAL_OPERATOR, rows, { ...DEFAULTS, ...options }),
  )
}

/** A change of A at the default location. */
const by = (delta: number, more: Partial<BulkRow> = {}): BulkRow =>
  ({ type: 'ADJUSTMENT', sku: 'A', location: null, delta, expectedAvailable: null, ...more }) as BulkRow
const counted = (counted: bigint, asOf: bigint | null = null, more: Partial<BulkRow> = {}): BulkRow =>
  ({ type: 'COUNT', sku: 'A', location: null, counted, asOf, ...more }) as BulkRow

/** Places an order of one line of A, which is reserved. */
async function reserve(app: App, qty: number, more: object = {}): Promise<string> {
  const { id } = await seed(app).order({ sku: 'A', qty, ...more })
  await reserveOrders(app, [id])
  return id
}

const read = async (app: App, id: string) => (await findOrder(app, LOCAL_OPERATOR, id))!
const newestOf = async (app: App, sku = 'A') =>
  (await app.prisma.inventoryMovement.findFirstOrThrow({ where: { sku }, orderBy: { id: 'desc' } })).id

describe('many changes', () => {
  test('of one level are made one after the other', async ({ app }) => {
    await seed(app).item({ sku: 'A', available: 5 })
    const { outcomes } = await change(app, [
      by(-5, { reference: 'one' }),
      by(3, { expectedAvailable: 0n, reason: 'own' }),
      by(-3, { expectedAvailable: 3n }),
      counted(7n),
    ])
    expect(outcomes).toMatchObject([
      {
        before: 5n,
        after: 0n,
        movement: { type: 'ADJUSTMENT', reason: 'test', reference: 'one', availableAfter: 0n },
      },
      { before: 0n, after: 3n, movement: { reason: 'own', reference: null } },
      { before: 3n, after: 0n, movement: { delta: -3, actor: LOCAL_OPERATOR.id } },
      { before: 0n, after: 7n, movement: { type: 'COUNT', delta: 7 } },
    ])
    expect(await readItem(app, 'A')).toMatchObject({ available: 7n })
  })

  test('are all refused for one that is, or without it', async ({ app }) => {
    await seed(app).item({ sku: 'A', available: 5 })
    await seed(app).item({ sku: 'B', available: 1 })
    const rows = [by(-1), by(-2, { sku: 'B' }), by(1, { sku: 'NONE' }), by(1, { location: 'NOWHERE' })]
    const errors = [
      [],
      [{ code: 'INSUFFICIENT_STOCK', field: ['delta'], limit: 1n }],
      [{ code: 'UNKNOWN_SKU', field: ['sku'] }],
      [{ code: 'UNKNOWN_LOCATION', field: ['location'] }],
    ]
    const refused = await change(app, rows)
    expect(refused.outcomes).toMatchObject(
      errors.map((userErrors) => ({ after: null, movement: null, userErrors })),
    )
    expect(await readItem(app, 'A')).toMatchObject({ available: 5n })
    const { outcomes } = await change(app, rows, { errorPolicy: 'SKIP_FAILED' })
    expect(outcomes).toMatchObject(errors.map((userErrors) => ({ userErrors })))
    expect(outcomes[0]).toMatchObject({ before: 5n, after: 4n, movement: { delta: -1 } })
    expect(await readItem(app, 'A')).toMatchObject({ available: 4n })
    expect(await readItem(app, 'B')).toMatchObject({ available: 1n })
  })

  test('leave nothing behind when they are refused or only tried', async ({ app }) => {
    await seed(app).item({ sku: 'A', available: 5 })
    await seed(app).location('WEST')
    const movements = await app.prisma.inventoryMovement.count()
    const rows = [by(2, { location: 'WEST' }), by(-6)]
    await change(app, rows)
    const tried = await change(app, [by(2, { location: 'WEST' }), by(-4), counted(9n)], { dryRun: true })
    expect(tried.outcomes).toMatchObject([
      { before: 0n, after: 2n, movement: null },
      { before: 5n, after: 1n },
      { before: 1n, after: 9n },
    ])
    expect(await app.prisma.inventoryMovement.count()).toBe(movements)
    expect(await app.prisma.stockLevel.count()).toBe(1)
    const { outcomes } = await change(app, rows, { errorPolicy: 'SKIP_FAILED' })
    expect(outcomes).toMatchObject([{ after: 2n }, { after: null }])
  })

  test('are as many statements for a thousand rows as for one', async ({ app }) => {
    const skus = Array.from({ length: 1_000 }, (_, number) => `S-${number}`)
    await app.pool.query('insert into items (sku, name) select sku, sku from unnest($1::text[]) as sku', [
      skus,
    ])
    const count = async (rows: readonly BulkRow[]) => {
      let statements = 0
      await inTransaction(app, 'adjust-inventories', (tx) => {
        const query = ((...args: Parameters<typeof tx.query>) => {
          statements++
          return tx.query(...args)
        }) as typeof tx.query
        return changeMany(app, { ...tx, query }, LOCAL_OPERATOR, rows, DEFAULTS)
      })
      return statements
    }
    const kinds = [
      (sku: string) => [by(2, { sku })],
      (sku: string) => [by(2, { sku }), by(1, { sku })],
      (sku: string) => [counted(9n, 0n, { sku }), by(-9, { sku })],
    ]
    for (const rowsOf of kinds) {
      const one = await count(rowsOf('S-0'))
      // the others have no level yet
      expect((await count(skus.flatMap(rowsOf))) - one).toBeLessThanOrEqual(1)
    }
    expect(await readItem(app, 'S-999')).toMatchObject({ available: 5n })
  })
})

describe('a count', () => {
  test('neither loses nor doubles what moved since the movement that its sheet knew', async ({ app }) => {
    await seed(app).item({ sku: 'A', available: 10 })
    await reserve(app, 4)
    const asOf = await newestOf(app)
    const id = await reserve(app, 2)
    await shipOrder(app, LOCAL_OPERATOR, { id })
    await change(app, [by(5)])
    // ten were to be on hand; two left and five came since
    const { outcomes } = await change(app, [counted(9n, asOf)])
    expect(outcomes).toMatchObject([{ before: 13n, after: 12n, movement: { type: 'COUNT', delta: -1 } }])
    expect(await readItem(app, 'A')).toMatchObject({ available: 8n, reserved: 4n })
  })

  test('that is sent twice corrects once', async ({ app }) => {
    await seed(app).item({ sku: 'A', available: 10 })
    const asOf = await newestOf(app)
    await change(app, [by(-3), counted(8n, asOf)])
    expect(await readItem(app, 'A')).toMatchObject({ available: 5n })
    const again = await change(app, [counted(8n, asOf), counted(8n, asOf)])
    expect(again.outcomes).toMatchObject([
      { before: 5n, after: 5n, movement: null, userErrors: [] },
      { before: 5n, after: 5n, movement: null, userErrors: [] },
    ])
    await change(app, [counted(9n, asOf), counted(7n, asOf)])
    expect(await readItem(app, 'A')).toMatchObject({ available: 4n })
  })

  test('is compared with nothing before the first movement, and with no movement of another level', async ({
    app,
  }) => {
    await seed(app).location('WEST')
    await seed(app).item({ sku: 'A', available: 10 })
    await seed(app).stock({ sku: 'A', location: 'WEST', qty: 1 })
    const { outcomes } = await change(app, [counted(2n, 0n)])
    expect(outcomes).toMatchObject([{ before: 10n, after: 12n }])
    const refused = await change(app, [
      counted(2n, await newestOf(app), { location: 'WEST' }),
      counted(2n, 999_999n),
    ])
    expect(refused.outcomes).toMatchObject([
      { userErrors: [{ code: 'STALE_EXPECTATION', field: ['asOf'] }] },
      { userErrors: [{ code: 'STALE_EXPECTATION', field: ['asOf'] }] },
    ])
  })

  test('below what is promised is refused, with the least that would go', async ({ app }) => {
    await seed(app).item({ sku: 'A', available: 10 })
    await reserve(app, 4)
    const { outcomes } = await change(app, [counted(3n)])
    expect(outcomes).toMatchObject([
      { userErrors: [{ code: 'INSUFFICIENT_STOCK', field: ['counted'], limit: 4n }] },
    ])
    expect((await change(app, [counted(4n)])).outcomes).toMatchObject([{ after: 4n }])
    const asOf = await newestOf(app)
    await change(app, [by(3)])
    expect((await change(app, [counted(0n, asOf)])).outcomes).toMatchObject([
      { userErrors: [{ code: 'INSUFFICIENT_STOCK', limit: 1n }] },
    ])
  })

  test('below what is promised takes back the newest promises first', async ({ app }) => {
    await seed(app).item({ sku: 'A', available: 10 })
    const [first, second, third] = [await reserve(app, 4), await reserve(app, 3), await reserve(app, 3)]
    const { unreserved } = await change(app, [counted(6n)], { onShortfall: 'UNRESERVE_NEWEST' })
    expect(unreserved.map(({ id }) => id)).toEqual([second, third])
    expect(await readItem(app, 'A')).toMatchObject({ available: 2n, reserved: 4n })
    expect(await read(app, first)).toMatchObject({ status: 'RESERVED', version: 2 })
    expect(await read(app, third)).toMatchObject({ status: 'AWAITING_RESTOCK', ifShort: 'WAIT', version: 3 })
    const events = await app.prisma.orderEvent.findMany({
      where: { orderId: third },
      orderBy: { version: 'asc' },
    })
    expect(events.at(-1)).toMatchObject({
      type: 'OrderUnreserved',
      from: 'RESERVED',
      to: 'AWAITING_RESTOCK',
      actor: LOCAL_OPERATOR.id,
      note: 'test',
      lines: [{ sku: 'A', qty: 3, location: 'MAIN' }],
    })
  })
})

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
    expect(await read(app, asking)).toMatchObject({ status: 'AWAITING_RESTOCK', ifShort: 'ASK_SUPPLIER' })
    const asked = await readRequest(app, asking)
    await settle(app, asking, 'A', { kind: 'ok' })
    expect(await read(app, asking)).toMatchObject({ status: 'RESERVED' })
    await change(app, [counted(0n)], unreserving)
    expect(await readItem(app, 'A')).toMatchObject({ available: 0n, reserved: 0n })
    await serveAll(app)
    await change(app, [by(4)])
    await serveAll(app)
    expect(await read(app, first)).toMatchObject({ status: 'RESERVED', version: 4 })
    expect(await read(app, asking)).toMatchObject({ status: 'AWAITING_RESTOCK' })
    await change(app, [by(1)])
    await serveAll(app)
    expect(await read(app, asking)).toMatchObject({ status: 'RESERVED' })
    expect(await readRequest(app, asking)).toMatchObject({ state: 'DELIVERED', askedAt: asked.askedAt })
    expect(await readJobs(app.pool, { task: 'request-supplier' })).toHaveLength(1)
  })

  test('is served at once from where there is enough', async ({ app }) => {
    await seed(app).item({ sku: 'A', available: 3 })
    const id = await reserve(app, 3)
    await seed(app).location('WEST')
    await seed(app).stock({ sku: 'A', location: 'WEST', qty: 5 })
    await change(app, [counted(2n)], unreserving)
    expect((await read(app, id)).status).toBe('AWAITING_RESTOCK')
    await serveAll(app)
    expect((await read(app, id)).status).toBe('RESERVED')
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
    await change(app, [by(-1)], unreserving)
    expect(await read(app, id)).toMatchObject({
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
    await change(app, [counted(1n, null, { sku: 'B' })], unreserving)
    expect(await read(app, id)).toMatchObject({
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
    await change(app, [by(1, { sku: 'B' })])
    await serveAll(app)
    expect(await read(app, id)).toMatchObject({ status: 'PARTIALLY_SHIPPED', lines: [{}, { reserved: 2 }] })
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
    await change(app, [by(1)])
    await serveAll(app)
    for (const id of [refused, served]) {
      expect(await read(app, id)).toMatchObject({ status: 'AWAITING_RESTOCK', lines: [{}, { reserved: 0 }] })
    }
    await change(app, [counted(0n)], unreserving)
    await change(app, [by(2)])
    await serveAll(app)
    await settle(app, refused, 'B', { kind: 'refused' })
    expect(await read(app, refused)).toMatchObject({ status: 'AWAITING_RESTOCK' })
    await settle(app, served, 'B', { kind: 'ok' })
    // its line of A did not wait alone before: now it does, and fits
    await serveAll(app)
    expect(await read(app, served)).toMatchObject({ status: 'RESERVED' })
  })

  test('is taken back only from who was there last, however many reserve meanwhile', async ({ app }) => {
    await seed(app).item({ sku: 'A', available: 40 })
    const ids = await Promise.all(Array.from({ length: 40 }, () => seed(app).order({ sku: 'A' }))).then(
      (orders) => orders.map(({ id }) => id),
    )
    const batches = Array.from({ length: 8 }, (_, batch) => ids.slice(batch * 5, batch * 5 + 5))
    const results = await Promise.allSettled([
      ...batches.map((batch) => reserveOrders(app, batch)),
      ...Array.from({ length: 8 }, () => change(app, [by(-2)], unreserving)),
    ])
    expect(results.filter(({ status }) => status === 'rejected')).toEqual([])
    await serveAll(app)
    const orders = await Promise.all([...ids].sort().map((id) => read(app, id)))
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
    expect(await read(app, older)).toMatchObject({ status: 'RESERVED' })
    expect(await readItem(app, 'A')).toMatchObject({ available: 0n, reserved: 2n })
    await serveAll(app)
  })

  test('again and again holds up no count', async ({ app }) => {
    await seed(app).item({ sku: 'A', available: 0 })
    for (let counts = 0; counts < 10; counts++) {
      await change(app, [by(200)])
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
      const counting = change(app, [counted(reserved - 5n)], unreserving).finally(() => {
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
    expect(await read(app, id)).toMatchObject({ status: 'RESERVED', version: 2 })
    expect(await readItem(app, 'A')).toMatchObject({ available: 13n, reserved: 7n })
  })
})

describe('a level that is missing', () => {
  test('is made for a row that is possible only once the stock is locked', async ({ app, testApp }) => {
    testApp.allowBreaches('so much cannot be moved in one test')
    await seed(app).location('WEST')
    for (const sku of ['A', 'B']) await seed(app).item({ sku, available: 5 })
    await app.pool.query(`update stock_levels set available = 9007199254740991 where sku = 'A'`)
    const options = { ...DEFAULTS, errorPolicy: 'SKIP_FAILED' } as const
    const { outcomes } = await inTransaction(app, 'adjust-inventories', (tx) => {
      const query = (async (...args: Parameters<typeof tx.query>) => {
        if ((args[0] as { name?: string }).name === 'ensure-levels') await change(app, [by(-1)])
        return tx.query(...args)
      }) as typeof tx.query
      const rows = [by(1, { location: 'WEST' }), by(1, { sku: 'B' })]
      return changeMany(app, { ...tx, query }, LOCAL_OPERATOR, rows, options)
    })
    expect(outcomes).toMatchObject([{ before: 0n, after: 1n }, { after: 6n }])
  })
})

describe('bounds', () => {
  const MOST = 9_007_199_254_740_991n

  test('of what a level holds, and of what a movement moves', async ({ app, testApp }) => {
    await seed(app).item({ sku: 'A', available: 2_000_000_000 })
    const codes = async (row: BulkRow) =>
      (await change(app, [row])).outcomes.flatMap(({ userErrors }) => userErrors.map(({ code }) => code))
    expect(await codes(counted(MOST + 1n))).toEqual(['INVALID_QTY'])
    expect(await codes(counted(-1n))).toEqual(['INVALID_QTY'])
    expect(await codes(counted(2_000_000_000n + 2_147_483_648n))).toEqual(['INVALID_QTY'])
    expect(await codes(counted(2_000_000_000n + 2_147_483_647n))).toEqual([])
    expect(await codes(by(2_147_483_648))).toEqual(['INVALID_QTY'])
    expect(await codes(by(0))).toEqual(['INVALID_QTY'])
    expect(await codes(by(0.5))).toEqual(['INVALID_QTY'])
    testApp.allowBreaches('so much cannot be moved in one test')
    await app.pool.query(`update stock_levels set available = ${MOST - 5n}`)
    expect(await codes(by(6))).toEqual(['INVALID_QTY'])
    expect(await codes(by(5))).toEqual([])
    expect(await codes(by(1))).toEqual(['INVALID_QTY'])
    expect(await codes(counted(MOST))).toEqual([])
  })
})
