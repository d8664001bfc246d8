import { expect } from 'vitest'
import { type Caller, LOCAL_OPERATOR } from '../../../src/domain/caller.ts'
import { AVAILABLE_MAX } from '../../../src/domain/stock/stock.ts'
import { findOrder } from '../../../src/use-cases/orders/find-order.ts'
import { serveWaiting } from '../../../src/use-cases/orders/serve-waiting.ts'
import { findInventoryItem } from '../../../src/use-cases/stock/find-inventory-item.ts'
import { listLevels } from '../../../src/use-cases/stock/list-levels.ts'
import { type SetStockRulesRequest, setStockRules } from '../../../src/use-cases/stock/set-stock-rules.ts'
import { test } from '../../support/fixtures.ts'
import { seed } from '../../support/harness.ts'
import { reserveOrders } from '../../support/reserve-orders.ts'

const readItem = async (app: Parameters<typeof setStockRules>[0]) =>
  (await app.pool.query('select low_stock_at, is_low, is_out from items')).rows[0]

test('a safety stock is of a location, and never promised', async ({ app }) => {
  await seed(app).location('WEST')
  await seed(app).item({ sku: 'A', available: 10 })
  const set = (request: Omit<SetStockRulesRequest, 'sku'>) =>
    setStockRules(app, LOCAL_OPERATOR, { sku: 'A', ...request })
  expect(await set({ safetyStock: 4n })).toEqual({
    inventoryItem: { sku: 'A', name: 'A', available: 10n, reserved: 0n },
    userErrors: [],
  })
  expect((await set({ location: 'WEST', safetyStock: 2n })).userErrors).toEqual([])
  expect(
    (await listLevels(app, LOCAL_OPERATOR, ['A'])).map(({ location, safetyStock }) => [
      location,
      safetyStock,
    ]),
  ).toEqual([
    ['MAIN', 4n],
    ['WEST', 2n],
  ])
  expect(await findInventoryItem(app, LOCAL_OPERATOR, 'A')).toMatchObject({ availableToPromise: 6n })
  const { id } = await seed(app).order({ sku: 'A', qty: 7, ifShort: 'FAIL' })
  await reserveOrders(app, [id])
  expect(await findOrder(app, LOCAL_OPERATOR, id)).toMatchObject({ status: 'FAILED' })
  // what is left out stays as it is, and null takes it away
  await set({ lowStockAt: 5n })
  expect(await findInventoryItem(app, LOCAL_OPERATOR, 'A')).toMatchObject({ availableToPromise: 6n })
  await set({ safetyStock: null })
  expect(await findInventoryItem(app, LOCAL_OPERATOR, 'A')).toMatchObject({ availableToPromise: 10n })
})

test('what is low is so at once, and no longer without the rule', async ({ app }) => {
  await seed(app).item({ sku: 'A', available: 10 })
  await setStockRules(app, LOCAL_OPERATOR, { sku: 'A', lowStockAt: 10n })
  expect(await readItem(app)).toEqual({ low_stock_at: '10', is_low: true, is_out: false })
  await setStockRules(app, LOCAL_OPERATOR, { sku: 'A', safetyStock: 10n, lowStockAt: 0n })
  expect(await readItem(app)).toEqual({ low_stock_at: '0', is_low: true, is_out: true })
  await setStockRules(app, LOCAL_OPERATOR, { sku: 'A', lowStockAt: null })
  expect(await readItem(app)).toEqual({ low_stock_at: null, is_low: false, is_out: true })
  const { rows } = await app.pool.query('select from inventory_movements where crossed is not null')
  expect(rows).toEqual([])
})

test('a safety stock that is lowered serves who waits: what they take crosses thresholds, the rule does not', async ({
  app,
}) => {
  await seed(app).item({ sku: 'A', available: 10 })
  await setStockRules(app, LOCAL_OPERATOR, { sku: 'A', safetyStock: 10n, lowStockAt: 3n })
  const { id } = await seed(app).order({ sku: 'A', qty: 8, ifShort: 'WAIT' })
  await reserveOrders(app, [id])
  await setStockRules(app, LOCAL_OPERATOR, { sku: 'A', safetyStock: 0n })
  await serveWaiting(app, { sku: 'A' })
  expect(await findOrder(app, LOCAL_OPERATOR, id)).toMatchObject({ status: 'RESERVED' })
  expect(await readItem(app)).toEqual({ low_stock_at: '3', is_low: true, is_out: false })
  const { rows } = await app.pool.query(
    'select type, crossed::text[] from inventory_movements where crossed is not null',
  )
  expect(rows).toEqual([{ type: 'RESERVATION', crossed: ['LOW'] }])
})

test('what is wrong is refused, and changes nothing', async ({ app }) => {
  await seed(app).item({ sku: 'A', available: 10 })
  const refused: [Partial<SetStockRulesRequest>, string, string][] = [
    [{ safetyStock: -1n }, 'INVALID_QTY', 'safetyStock'],
    [{ safetyStock: AVAILABLE_MAX + 1n }, 'INVALID_QTY', 'safetyStock'],
    [{ lowStockAt: -1n }, 'INVALID_QTY', 'lowStockAt'],
    [{ sku: 'GONE', lowStockAt: 1n }, 'UNKNOWN_SKU', 'sku'],
    [{ sku: '\0', lowStockAt: 1n }, 'UNKNOWN_SKU', 'sku'],
    [{ location: 'NOWHERE', safetyStock: 1n, lowStockAt: 1n }, 'UNKNOWN_LOCATION', 'location'],
    [{ location: 'a b', safetyStock: 1n }, 'UNKNOWN_LOCATION', 'location'],
  ]
  for (const [request, code, field] of refused) {
    expect(await setStockRules(app, LOCAL_OPERATOR, { sku: 'A', ...request })).toMatchObject({
      inventoryItem: null,
      userErrors: [{ code, field: ['input', field] }],
    })
  }
  const nothing = setStockRules(app, LOCAL_OPERATOR, { sku: 'A' })
  await expect(nothing).rejects.toMatchObject({ code: 'BAD_USER_INPUT' })
  const service: Caller = { id: 'shop', role: 'service', expiresAt: null }
  const theirs = setStockRules(app, service, { sku: 'A', lowStockAt: 1n })
  await expect(theirs).rejects.toMatchObject({ code: 'FORBIDDEN' })
  expect(await readItem(app)).toEqual({ low_stock_at: null, is_low: false, is_out: false })
  expect(await listLevels(app, LOCAL_OPERATOR, ['A'])).toMatchObject([{ location: 'MAIN', safetyStock: 0n }])
})
