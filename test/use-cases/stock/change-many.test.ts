import { describe, expect } from 'vitest'
import { inTransaction } from '../../../src/database/transaction.ts'
import { LOCAL_OPERATOR } from '../../../src/domain/caller.ts'
import { type BulkRow, changeMany } from '../../../src/use-cases/stock/change-many.ts'
import { test } from '../../support/fixtures.ts'
import { seed } from '../../support/harness.ts'
import { readItem } from '../../support/read-stock.ts'
import { by, changeRows, counted, DEFAULTS } from './change-rows.ts'

describe('many changes', () => {
  test('of one level are made one after the other', async ({ app }) => {
    await seed(app).item({ sku: 'A', available: 5 })
    const { outcomes } = await changeRows(app, [
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
    const refused = await changeRows(app, rows)
    expect(refused.outcomes).toMatchObject(
      errors.map((userErrors) => ({ after: null, movement: null, userErrors })),
    )
    expect(await readItem(app, 'A')).toMatchObject({ available: 5n })
    const { outcomes } = await changeRows(app, rows, { errorPolicy: 'SKIP_FAILED' })
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
    await changeRows(app, rows)
    const tried = await changeRows(app, [by(2, { location: 'WEST' }), by(-4), counted(9n)], { dryRun: true })
    expect(tried.outcomes).toMatchObject([
      { before: 0n, after: 2n, movement: null },
      { before: 5n, after: 1n },
      { before: 1n, after: 9n },
    ])
    expect(await app.prisma.inventoryMovement.count()).toBe(movements)
    expect(await app.prisma.stockLevel.count()).toBe(1)
    const { outcomes } = await changeRows(app, rows, { errorPolicy: 'SKIP_FAILED' })
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

describe('a level that is missing', () => {
  test('is made for a row that is possible only once the stock is locked', async ({ app, testApp }) => {
    testApp.allowBreaches('so much cannot be moved in one test')
    await seed(app).location('WEST')
    for (const sku of ['A', 'B']) await seed(app).item({ sku, available: 5 })
    await app.pool.query(`update stock_levels set available = 9007199254740991 where sku = 'A'`)
    const options = { ...DEFAULTS, errorPolicy: 'SKIP_FAILED' } as const
    const { outcomes } = await inTransaction(app, 'adjust-inventories', (tx) => {
      const query = (async (...args: Parameters<typeof tx.query>) => {
        if ((args[0] as { name?: string }).name === 'ensure-levels') await changeRows(app, [by(-1)])
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
      (await changeRows(app, [row])).outcomes.flatMap(({ userErrors }) => userErrors.map(({ code }) => code))
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
