import { describe, expect } from 'vitest'
import type { App } from '../../../src/create-app.ts'
import { inTransaction } from '../../../src/database/transaction.ts'
import { LOCAL_OPERATOR } from '../../../src/domain/caller.ts'
import { findOrder } from '../../../src/use-cases/orders/find-order.ts'
import { shipOrder } from '../../../src/use-cases/orders/verbs/ship-order.ts'
import { type BulkOptions, type BulkRow, changeMany } from '../../../src/use-cases/stock/change-many.ts'
import { test } from '../../support/fixtures.ts'
import { seed } from '../../support/harness.ts'
import { readItem } from '../../support/read-stock.ts'
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
  ({ sku: 'A', location: null, delta, expectedAvailable: null, ...more }) as BulkRow
const counted = (counted: bigint, asOf: bigint | null = null, more: Partial<BulkRow> = {}): BulkRow =>
  ({ sku: 'A', location: null, counted, asOf, ...more }) as BulkRow

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
