import { describe, expect } from 'vitest'
import type { App } from '../../../../src/create-app.ts'
import { type Caller, LOCAL_OPERATOR } from '../../../../src/domain/caller.ts'
import { serveWaiting } from '../../../../src/use-cases/orders/serve-waiting.ts'
import { saveLocation } from '../../../../src/use-cases/stock/save-location.ts'
import { adjustInventories } from '../../../../src/use-cases/stock/verbs/adjust-inventories.ts'
import { test } from '../../../support/fixtures.ts'
import { seed } from '../../../support/harness.ts'
import { readItem } from '../../../support/read-stock.ts'
import { type Asked, adjust, count, receive, service, statusOf, transfer, wait } from './stock-calls.ts'

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
