import { describe, expect } from 'vitest'
import type { App } from '../../../../src/create-app.ts'
import { type Caller, LOCAL_OPERATOR } from '../../../../src/domain/caller.ts'
import { createOrder } from '../../../../src/use-cases/orders/create-order.ts'
import { findOrder } from '../../../../src/use-cases/orders/find-order.ts'
import { serveWaiting } from '../../../../src/use-cases/orders/serve-waiting.ts'
import { shipOrder } from '../../../../src/use-cases/orders/verbs/ship-order.ts'
import { findInventoryItem } from '../../../../src/use-cases/stock/find-inventory-item.ts'
import { saveLocation } from '../../../../src/use-cases/stock/save-location.ts'
import { adjustInventories } from '../../../../src/use-cases/stock/verbs/adjust-inventories.ts'
import { adjustInventory } from '../../../../src/use-cases/stock/verbs/adjust-inventory.ts'
import { countInventory } from '../../../../src/use-cases/stock/verbs/count-inventory.ts'
import { createInventoryItem } from '../../../../src/use-cases/stock/verbs/create-inventory-item.ts'
import { receiveInventory } from '../../../../src/use-cases/stock/verbs/receive-inventory.ts'
import { transferInventory } from '../../../../src/use-cases/stock/verbs/transfer-inventory.ts'
import { test } from '../../../support/fixtures.ts'
import { seed } from '../../../support/harness.ts'
import { readItem } from '../../../support/read-stock.ts'
import { reserveOrders } from '../../../support/reserve-orders.ts'

const service: Caller = { id: 'shop', role: 'service', expiresAt: null }

type Asked<Verb extends (context: App, caller: Caller, request: never) => unknown> = Partial<
  Parameters<Verb>[2]
>

const receive = (app: App, asked: Asked<typeof receiveInventory> = {}, caller = service) =>
  receiveInventory(app, caller, { sku: 'A', qty: 5, ...asked })
const transfer = (app: App, asked: Asked<typeof transferInventory> = {}, caller = service) =>
  transferInventory(app, caller, { from: 'MAIN', to: 'WEST', lines: [{ sku: 'A', qty: 2 }], ...asked })
const count = (app: App, counted: bigint, asked: Asked<typeof countInventory> = {}) =>
  countInventory(app, service, { counts: [{ sku: 'A', counted }], reason: 'count', ...asked })
const adjust = (app: App, delta: number, asked: Asked<typeof adjustInventory> = {}) =>
  adjustInventory(app, LOCAL_OPERATOR, { sku: 'A', delta, reason: 'x', expectedAvailable: null, ...asked })

const movementsOf = (app: App) => app.prisma.inventoryMovement.findMany({ orderBy: { id: 'asc' } })
const statusOf = async (app: App, id: string) => (await findOrder(app, LOCAL_OPERATOR, id))!.status

async function wait(app: App, qty: number, locations: string[] | null = null): Promise<string> {
  const { id } = await seed(app).order({ sku: 'A', qty, ifShort: 'WAIT', locations })
  await reserveOrders(app, [id])
  return id
}

describe('a receipt', () => {
  test('comes in at its location, and serves who waits', async ({ app }) => {
    await seed(app).item({ sku: 'A' })
    await seed(app).location('WEST')
    const id = await wait(app, 3)
    const received = await receive(app, { location: 'WEST', reason: 'truck', reference: 'D-1' })
    expect(received).toMatchObject({
      level: { sku: 'A', location: 'WEST', available: 5n, reserved: 0n },
      movement: {
        type: 'RECEIPT',
        delta: 5,
        reason: 'truck',
        reference: 'D-1',
        actor: 'shop',
        availableAfter: 5n,
      },
      userErrors: [],
    })
    await serveWaiting(app, { sku: 'A' })
    expect(await statusOf(app, id)).toBe('RESERVED')
  })

  test('is refused for what there is not, and leaves nothing', async ({ app }) => {
    await seed(app).item({ sku: 'A' })
    const bad = [
      [{ sku: 'NONE' }, 'UNKNOWN_SKU', 'sku'],
      [{ sku: 'a b' }, 'UNKNOWN_SKU', 'sku'],
      [{ location: 'NOWHERE' }, 'UNKNOWN_LOCATION', 'location'],
      [{ location: '' }, 'UNKNOWN_LOCATION', 'location'],
      [{ qty: 0 }, 'INVALID_QTY', 'qty'],
      [{ qty: -1 }, 'INVALID_QTY', 'qty'],
      [{ qty: 1.5 }, 'INVALID_QTY', 'qty'],
      [{ qty: 2 ** 31 }, 'INVALID_QTY', 'qty'],
    ] as const
    for (const [asked, code, field] of bad) {
      expect(await receive(app, { ...asked, idempotencyKey: 'k' })).toEqual({
        level: null,
        movement: null,
        userErrors: [{ code, message: expect.any(String), field: ['input', field] }],
      })
    }
    for (const asked of [{ reason: '' }, { reference: 'a\nb' }, { idempotencyKey: ' ' }]) {
      await expect(receive(app, asked)).rejects.toMatchObject({ code: 'BAD_USER_INPUT' })
    }
    expect(await movementsOf(app)).toEqual([])
    expect(await app.prisma.idempotencyKey.count()).toBe(0)
  })
})

describe('a transfer', () => {
  test('is two movements a line, all or nothing', async ({ app }) => {
    await seed(app).item({ sku: 'A', available: 5 })
    await seed(app).item({ sku: 'B', available: 1 })
    await seed(app).location('WEST')
    const lines = (b: number) => [
      { sku: 'A', qty: 2 },
      { sku: 'B', qty: b },
    ]
    const before = await movementsOf(app)
    expect(await transfer(app, { lines: lines(2) })).toEqual({
      movements: [],
      userErrors: [
        {
          code: 'INSUFFICIENT_STOCK',
          message: 'Only 1 are available',
          field: ['input', 'lines', '1', 'qty'],
          limit: 1n,
        },
      ],
    })
    expect(await movementsOf(app)).toEqual(before)
    expect(await app.prisma.stockLevel.count()).toBe(2)
    const { movements } = await transfer(app, { lines: lines(1), reason: 'balance', reference: 'T-1' })
    expect(movements).toMatchObject([
      { sku: 'A', location: 'MAIN', type: 'TRANSFER_OUT', delta: -2, availableAfter: 3n, reason: 'balance' },
      { sku: 'A', location: 'WEST', type: 'TRANSFER_IN', delta: 2, availableAfter: 2n, reference: 'T-1' },
      { sku: 'B', location: 'MAIN', type: 'TRANSFER_OUT', delta: -1, availableAfter: 0n },
      { sku: 'B', location: 'WEST', type: 'TRANSFER_IN', delta: 1, actor: 'shop' },
    ])
  })

  test('is refused for what there is not, and names it where it is', async ({ app }) => {
    await seed(app).item({ sku: 'A', available: 5 })
    await seed(app).location('WEST')
    const bad = [
      [{ from: 'NOWHERE' }, 'UNKNOWN_LOCATION', ['from']],
      [{ to: 'NOWHERE' }, 'UNKNOWN_LOCATION', ['to']],
      [{ to: 'MAIN' }, 'LOCATION_IN_USE', ['to']],
      [{ lines: [] }, 'INVALID_LINES', ['lines']],
      [
        {
          lines: [
            { sku: 'A', qty: 1 },
            { sku: 'A', qty: 1 },
          ],
        },
        'DUPLICATE_SKU',
        ['lines', '1', 'sku'],
      ],
      [{ lines: [{ sku: 'A', qty: 0 }] }, 'INVALID_QTY', ['lines', '0', 'qty']],
      [
        {
          lines: [
            { sku: 'A', qty: 1 },
            { sku: 'NONE', qty: 1 },
          ],
        },
        'UNKNOWN_SKU',
        ['lines', '1', 'sku'],
      ],
    ] as const
    for (const [asked, code, path] of bad) {
      const { movements, userErrors } = await transfer(app, { ...asked, idempotencyKey: 'k' })
      expect({ movements, userErrors }).toEqual({
        movements: [],
        userErrors: [{ code, message: expect.any(String), field: ['input', ...path] }],
      })
    }
    expect(await movementsOf(app)).toHaveLength(1)
    expect(await app.prisma.idempotencyKey.count()).toBe(0)
  })

  test('to a location that is not active takes goods out of what can be promised, and back', async ({
    app,
  }) => {
    await seed(app).item({ sku: 'A', available: 5 })
    await seed(app).location('QUARANTINE', { isActive: false })
    const promisable = async () => (await findInventoryItem(app, LOCAL_OPERATOR, 'A'))!.availableToPromise
    await transfer(app, { to: 'QUARANTINE' })
    expect(await promisable()).toBe(3n)
    expect(await readItem(app, 'A')).toMatchObject({ available: 5n })
    const id = await wait(app, 4)
    expect(await statusOf(app, id)).toBe('AWAITING_RESTOCK')
    await transfer(app, { from: 'QUARANTINE', to: 'MAIN' })
    expect(await promisable()).toBe(5n)
    await serveWaiting(app, { sku: 'A' })
    expect(await statusOf(app, id)).toBe('RESERVED')
  })

  test('serves who waits where the goods come to, and leaves what is promised', async ({ app }) => {
    await seed(app).location('WEST')
    await seed(app).item({ sku: 'A', available: 5 })
    const [held] = [await wait(app, 3)]
    const id = await wait(app, 2, ['WEST'])
    expect((await transfer(app, { lines: [{ sku: 'A', qty: 3 }] })).userErrors).toMatchObject([
      { code: 'INSUFFICIENT_STOCK', limit: 2n },
    ])
    await transfer(app)
    await serveWaiting(app, { sku: 'A' })
    expect(await statusOf(app, id)).toBe('RESERVED')
    expect(await statusOf(app, held)).toBe('RESERVED')
  })

  test('there and back at once moves nothing twice, whatever crosses', async ({ app }) => {
    await seed(app).location('WEST')
    for (const sku of ['A', 'B']) {
      await seed(app).item({ sku, available: 50 })
      await seed(app).stock({ sku, location: 'WEST', qty: 50 })
    }
    const there = {
      lines: [
        { sku: 'A', qty: 1 },
        { sku: 'B', qty: 1 },
      ],
    }
    const back = {
      from: 'WEST',
      to: 'MAIN',
      lines: [
        { sku: 'B', qty: 1 },
        { sku: 'A', qty: 1 },
      ],
    }
    const results = await Promise.all(
      Array.from({ length: 40 }, (_, n) => transfer(app, n % 2 ? there : back)),
    )
    expect(results.flatMap(({ userErrors }) => userErrors)).toEqual([])
    const levels = await app.prisma.stockLevel.findMany()
    expect(levels.map(({ available }) => available)).toEqual([50n, 50n, 50n, 50n])
  })
})

describe('changes in bulk', () => {
  const changes = [
    { sku: 'A', delta: -1, expectedAvailable: 5n },
    { sku: 'A', delta: -1, expectedAvailable: 5n },
    { sku: 'B', delta: 2, reference: 'R-1' },
  ]
  const bulk = (app: App, asked: Asked<typeof adjustInventories> = {}) =>
    adjustInventories(app, LOCAL_OPERATOR, { changes, reason: 'yearly', ...asked })

  test('with one bad row are none, or all but that one', async ({ app }) => {
    await seed(app).item({ sku: 'A', available: 5 })
    await seed(app).item({ sku: 'B' })
    const stale = { code: 'STALE_EXPECTATION', field: ['input', 'changes', '1', 'expectedAvailable'] }
    const none = await bulk(app)
    expect(none).toMatchObject({
      results: [
        { index: 0, sku: 'A', before: 5n, after: null, movement: null, userErrors: [] },
        { index: 1, sku: 'A', before: 4n, after: null, userErrors: [stale] },
        { index: 2, sku: 'B', after: null },
      ],
      changed: 0,
      refused: 1,
      unreserved: [],
      userErrors: [stale],
    })
    expect(await bulk(app, { dryRun: true })).toEqual(none)
    expect(await readItem(app, 'A')).toMatchObject({ available: 5n })
    expect(await bulk(app, { errorPolicy: 'SKIP_FAILED', dryRun: true })).toMatchObject({
      results: [
        { before: 5n, after: 4n, movement: null },
        { userErrors: [stale] },
        { before: 0n, after: 2n },
      ],
      changed: 2,
      refused: 1,
      userErrors: [],
    })
    expect(await readItem(app, 'A')).toMatchObject({ available: 5n })
    expect(await bulk(app, { errorPolicy: 'SKIP_FAILED' })).toMatchObject({
      results: [
        { before: 5n, after: 4n, movement: { reason: 'yearly', actor: LOCAL_OPERATOR.id } },
        { before: 4n, after: null, movement: null, userErrors: [stale] },
        { before: 0n, after: 2n, movement: { reference: 'R-1' } },
      ],
      changed: 2,
      refused: 1,
      userErrors: [],
    })
  })

  test('are 1 to 1,000', async ({ app }) => {
    await seed(app).item({ sku: 'A' })
    for (const length of [0, 1_001]) {
      const some = Array.from({ length }, () => ({ sku: 'A', delta: 1 }))
      expect(await bulk(app, { changes: some })).toMatchObject({
        results: [],
        userErrors: [{ code: 'INVALID_LINES', field: ['input', 'changes'] }],
      })
    }
    const most = await bulk(app, { changes: Array.from({ length: 1_000 }, () => ({ sku: 'A', delta: 1 })) })
    expect(most).toMatchObject({ changed: 1_000, refused: 0 })
    expect(await readItem(app, 'A')).toMatchObject({ available: 1_000n })
  })
})

describe('counts', () => {
  test('of a SKU twice, or as of what is no movement, are refused', async ({ app }) => {
    await seed(app).item({ sku: 'A', available: 5 })
    const twice = [
      { sku: 'A', counted: 1n },
      { sku: 'A', counted: 2n },
    ]
    expect((await count(app, 0n, { counts: twice })).userErrors).toMatchObject([
      { code: 'DUPLICATE_SKU', field: ['input', 'counts', '1', 'sku'] },
    ])
    for (const asOf of ['', '-1', '1e3', '99999999999999999999', '12x', '4711']) {
      const { userErrors } = await count(app, 0n, { counts: [{ sku: 'A', counted: 1n, asOf }] })
      expect(userErrors).toMatchObject([
        { code: 'STALE_EXPECTATION', field: ['input', 'counts', '0', 'asOf'] },
      ])
    }
    expect(await readItem(app, 'A')).toMatchObject({ available: 5n })
  })

  test('that are only tried say which orders would wait again', async ({ app }) => {
    await seed(app).item({ sku: 'A', available: 5 })
    const ids = [await wait(app, 2), await wait(app, 2)]
    const asked = { onShortfall: 'UNRESERVE_NEWEST', dryRun: true, idempotencyKey: 'k' } as const
    expect(await count(app, 3n, asked)).toMatchObject({
      results: [{ before: 5n, after: 3n, movement: null }],
      changed: 1,
      unreserved: [{ id: ids[1], status: 'RESERVED' }],
    })
    expect(await statusOf(app, ids[1]!)).toBe('RESERVED')
    expect(await app.prisma.idempotencyKey.count()).toBe(0)
    const done = await count(app, 3n, { ...asked, dryRun: false })
    expect(done).toMatchObject({
      results: [{ before: 5n, after: 3n, movement: { type: 'COUNT', delta: -2, availableAfter: 1n } }],
      unreserved: [{ id: ids[1], status: 'AWAITING_RESTOCK' }],
    })
    await serveWaiting(app, { sku: 'A' })
  })

  test('that find what is there change nothing, and use their key', async ({ app }) => {
    await seed(app).item({ sku: 'A', available: 5 })
    const first = await count(app, 5n, { idempotencyKey: 'k' })
    expect(first).toMatchObject({
      results: [{ before: 5n, after: 5n, movement: null }],
      changed: 0,
      refused: 0,
    })
    await adjust(app, 1)
    expect(await count(app, 5n, { idempotencyKey: 'k' })).toEqual(first)
    expect(await readItem(app, 'A')).toMatchObject({ available: 6n })
  })
})

describe('a key', () => {
  /** A call of each verb under a key, and the same with another input. */
  const calls: Record<
    string,
    (app: App, key: string, other?: boolean) => Promise<{ userErrors: readonly unknown[] }>
  > = {
    createInventoryItem: (app, idempotencyKey, other) =>
      createInventoryItem(app, LOCAL_OPERATOR, {
        sku: 'NEW',
        name: other ? 'Other' : 'New',
        available: 3,
        idempotencyKey,
      }),
    adjustInventory: (app, idempotencyKey, other) =>
      adjust(app, -1, { idempotencyKey, reason: other ? 'other' : 'x' }),
    adjustInventories: (app, idempotencyKey, other) =>
      adjustInventories(app, LOCAL_OPERATOR, {
        changes: [
          { sku: 'A', delta: 1, expectedAvailable: 10n },
          { sku: 'NONE', delta: 1 },
        ],
        reason: other ? 'other' : 'x',
        errorPolicy: 'SKIP_FAILED',
        idempotencyKey,
      }),
    receiveInventory: (app, idempotencyKey, other) =>
      receive(app, { idempotencyKey, qty: other ? 6 : 5 }, LOCAL_OPERATOR),
    transferInventory: (app, idempotencyKey, other) =>
      transfer(app, { idempotencyKey, reason: other ? 'other' : null }, LOCAL_OPERATOR),
    countInventory: (app, idempotencyKey, other) =>
      countInventory(app, LOCAL_OPERATOR, {
        counts: [{ sku: 'A', counted: 7n, asOf: null }],
        onShortfall: 'UNRESERVE_NEWEST',
        reason: other ? 'other' : 'x',
        idempotencyKey,
      }),
  }

  test.for(Object.keys(calls))(
    'makes %s happen once, however often and at once it is sent',
    async (verb, { app }) => {
      const call = calls[verb]!
      await seed(app).item({ sku: 'A', available: 10 })
      await seed(app).location('WEST')
      const ids = [await seed(app).order({ sku: 'A', qty: 8 })].map(({ id }) => id)
      if (verb === 'countInventory') await reserveOrders(app, ids)
      const before = (await movementsOf(app)).length
      const answers = await Promise.all(Array.from({ length: 6 }, () => call(app, 'k')))
      const [first] = answers
      for (const answer of answers) expect(answer).toEqual(first)
      const moved = (await movementsOf(app)).length
      expect(moved).toBeGreaterThan(before)
      expect(await call(app, 'k')).toEqual(first)
      expect(await movementsOf(app)).toHaveLength(moved)
      expect((await call(app, 'k', true)).userErrors).toMatchObject([
        { code: 'IDEMPOTENCY_KEY_REUSED', field: ['input', 'idempotencyKey'] },
      ])
      const keys = await app.prisma.idempotencyKey.findMany()
      expect(keys).toMatchObject([{ verb, orderId: null }])
      if (verb === 'countInventory') await serveWaiting(app, { sku: 'A' })
    },
  )

  test('is of one call, whatever that changes', async ({ app }) => {
    await seed(app).item({ sku: 'A', available: 10 })
    await receive(app, { idempotencyKey: 'stock' }, LOCAL_OPERATOR)
    const reused = [{ code: 'IDEMPOTENCY_KEY_REUSED' }]
    const order = (idempotencyKey: string) =>
      createOrder(app, LOCAL_OPERATOR, { sku: 'A', qty: 1, idempotencyKey, customerId: null })
    expect((await order('stock')).userErrors).toMatchObject(reused)
    const { order: placed } = await order('order')
    expect((await receive(app, { idempotencyKey: 'order' }, LOCAL_OPERATOR)).userErrors).toMatchObject(reused)
    await reserveOrders(app, [placed!.id])
    const ship = { id: placed!.id, idempotencyKey: 'stock' }
    expect((await shipOrder(app, LOCAL_OPERATOR, ship)).userErrors).toMatchObject(reused)
    expect((await receive(app, { idempotencyKey: 'order' }, service)).userErrors).toEqual([])
  })

  test('answers with what was made as it now is', async ({ app }) => {
    await seed(app).item({ sku: 'A', available: 1 })
    const first = await receive(app, { idempotencyKey: 'k' })
    expect(first.level).toMatchObject({ available: 6n })
    await adjust(app, 4)
    expect(await receive(app, { idempotencyKey: 'k' })).toEqual({
      ...first,
      level: { ...first.level, available: 10n },
    })
  })
})

test('only those may keep stock who are to, and a location that takes no orders takes goods', async ({
  app,
}) => {
  await seed(app).item({ sku: 'A', available: 10 })
  await saveLocation(app, LOCAL_OPERATOR, { code: 'WEST', isActive: false })
  const customer: Caller = { id: 'alice', role: 'customer', expiresAt: null }
  const forbidden = { code: 'FORBIDDEN' }
  await expect(receive(app, {}, customer)).rejects.toMatchObject(forbidden)
  await expect(transfer(app, {}, customer)).rejects.toMatchObject(forbidden)
  await expect(
    adjustInventories(app, service, { changes: [{ sku: 'A', delta: 1 }], reason: 'x' }),
  ).rejects.toMatchObject(forbidden)
  expect(await receive(app, { location: 'WEST' })).toMatchObject({ level: { available: 5n } })
})
