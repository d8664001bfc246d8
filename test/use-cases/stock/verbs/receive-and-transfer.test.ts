import { describe, expect } from 'vitest'
import { LOCAL_OPERATOR } from '../../../../src/domain/caller.ts'
import { serveWaiting } from '../../../../src/use-cases/orders/serve-waiting.ts'
import { findInventoryItem } from '../../../../src/use-cases/stock/find-inventory-item.ts'
import { test } from '../../../support/fixtures.ts'
import { seed } from '../../../support/harness.ts'
import { readItem } from '../../../support/read-stock.ts'
import { movementsOf, receive, statusOf, transfer, wait } from './stock-calls.ts'

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
