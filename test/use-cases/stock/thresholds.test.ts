import { describe, expect } from 'vitest'
import type { App } from '../../../src/create-app.ts'
import { LOCAL_OPERATOR } from '../../../src/domain/caller.ts'
import type { IfShort } from '../../../src/domain/orders/order.ts'
import type { StockThreshold } from '../../../src/domain/stock/thresholds.ts'
import { findOrder } from '../../../src/use-cases/orders/find-order.ts'
import { serveWaiting } from '../../../src/use-cases/orders/serve-waiting.ts'
import { cancelOrder } from '../../../src/use-cases/orders/verbs/cancel-order.ts'
import { listItems } from '../../../src/use-cases/stock/list-items.ts'
import { reconcile } from '../../../src/use-cases/stock/reconcile.ts'
import { saveLocation } from '../../../src/use-cases/stock/save-location.ts'
import { type SetStockRulesRequest, setStockRules } from '../../../src/use-cases/stock/set-stock-rules.ts'
import { settleSupplierOutcomes } from '../../../src/use-cases/supplier/settle-supplier-outcomes.ts'
import { test } from '../../support/fixtures.ts'
import { seed } from '../../support/harness.ts'
import { reserveOrders } from '../../support/reserve-orders.ts'

/** What movements crossed, in the order of the ledger. */
async function crossings(app: App): Promise<StockThreshold[][]> {
  const { rows } = await app.pool.query<{ crossed: StockThreshold[] }>(
    'select crossed::text[] from inventory_movements where crossed is not null order by coalesce(crossed_id, id)',
  )
  return rows.map(({ crossed }) => crossed)
}

async function readState(app: App, sku = 'A') {
  const { rows } = await app.pool.query('select is_low, is_out from items where sku = $1', [sku])
  return { isLow: rows[0].is_low, isOut: rows[0].is_out }
}

const lowAt = (app: App, qty: number) => app.pool.query('update items set low_stock_at = $1', [qty])

async function place(app: App, qty: number, ifShort: IfShort = 'WAIT'): Promise<string> {
  const { id } = await seed(app).order({ sku: 'A', qty, ifShort })
  await reserveOrders(app, [id])
  return id
}

const change = (app: App, qty: number) => seed(app).stock({ sku: 'A', qty })
const serve = (app: App) => serveWaiting(app, { sku: 'A' })

describe('stock', () => {
  test('that falls to its threshold is LOW, and to nothing OUT', async ({ app }) => {
    await seed(app).item({ sku: 'A', available: 10 })
    await lowAt(app, 5)
    await change(app, -4)
    expect(await crossings(app)).toEqual([])
    await change(app, -1)
    expect(await crossings(app)).toEqual([['LOW']])
    await change(app, -1)
    await place(app, 4)
    expect(await crossings(app)).toEqual([['LOW'], ['OUT']])
    expect(await readState(app)).toEqual({ isLow: true, isOut: true })
  })

  test('that falls to nothing at once is LOW and OUT together', async ({ app }) => {
    await seed(app).item({ sku: 'A', available: 10 })
    await lowAt(app, 5)
    await place(app, 10)
    expect(await crossings(app)).toEqual([['LOW', 'OUT']])
  })

  test('that comes back is BACK, and LOW again only when it falls again', async ({ app }) => {
    await seed(app).item({ sku: 'A', available: 10 })
    await lowAt(app, 5)
    const id = await place(app, 10)
    await change(app, 2)
    expect(await crossings(app)).toEqual([['LOW', 'OUT'], ['BACK']])
    await change(app, -1)
    await cancelOrder(app, LOCAL_OPERATOR, { id })
    expect(await readState(app)).toEqual({ isLow: false, isOut: false })
    await change(app, -6)
    expect(await crossings(app)).toEqual([['LOW', 'OUT'], ['BACK'], ['LOW']])
  })

  test('without a threshold is never LOW', async ({ app }) => {
    await seed(app).item({ sku: 'A', available: 10 })
    await place(app, 10)
    expect(await crossings(app)).toEqual([['OUT']])
    expect(await readState(app)).toEqual({ isLow: false, isOut: true })
  })

  test('that comes in for the first time crosses nothing', async ({ app }) => {
    await seed(app).item({ sku: 'A' })
    expect(await readState(app)).toEqual({ isLow: false, isOut: null })
    await change(app, 3)
    expect(await crossings(app)).toEqual([])
    expect(await readState(app)).toEqual({ isLow: false, isOut: false })
  })

  test('that a supplier delivers for an order crosses nothing', async ({ app }) => {
    await seed(app).item({ sku: 'A', available: 1 })
    await place(app, 1)
    const id = await place(app, 3, 'ASK_SUPPLIER')
    await settleSupplierOutcomes(app, [{ orderId: id, step: 1, outcome: { kind: 'ok' } }])
    expect(await crossings(app)).toEqual([['OUT']])
  })

  test('is judged over all active locations together, less what is never promised', async ({ app }) => {
    await seed(app).location('WEST')
    await seed(app).location('CLOSED', { isActive: false })
    await seed(app).item({ sku: 'A', available: 4 })
    await seed(app).stock({ sku: 'A', location: 'WEST', qty: 3 })
    await seed(app).stock({ sku: 'A', location: 'CLOSED', qty: 100 })
    await app.pool.query("update stock_levels set safety_stock = 2 where location in ('MAIN', 'WEST')")
    await change(app, -3)
    expect(await crossings(app)).toEqual([])
    await seed(app).stock({ sku: 'A', location: 'WEST', qty: -1 })
    expect(await crossings(app)).toEqual([['OUT']])
    await seed(app).stock({ sku: 'A', location: 'CLOSED', qty: 1 })
    await change(app, 1)
    expect(await crossings(app)).toEqual([['OUT']])
    await change(app, 1)
    expect(await crossings(app)).toEqual([['OUT'], ['BACK']])
  })

  test('of several items that one order takes is judged for each', async ({ app }) => {
    await seed(app).item({ sku: 'A', available: 1 })
    await seed(app).item({ sku: 'B', available: 2 })
    await seed(app).item({ sku: 'C', available: 1 })
    const lines = ['A', 'B', 'C'].map((sku): [string, number] => [sku, 1])
    await reserveOrders(app, [(await seed(app).order({ lines })).id])
    const { rows } = await app.pool.query(
      'select sku, crossed::text[] from inventory_movements where crossed is not null order by sku',
    )
    expect(rows).toEqual([
      { sku: 'A', crossed: ['OUT'] },
      { sku: 'C', crossed: ['OUT'] },
    ])
  })

  test('is judged with the last of the movements that one transaction makes of it', async ({ app }) => {
    await seed(app).item({ sku: 'A', available: 3 })
    const ids = [1, 2].map(async (qty) => (await seed(app).order({ sku: 'A', qty })).id)
    await reserveOrders(app, await Promise.all(ids))
    const { rows } = await app.pool.query(
      `select id = (select max(id) from inventory_movements) as "isLast", crossed::text[] from inventory_movements
      where crossed is not null`,
    )
    expect(rows).toEqual([{ isLast: true, crossed: ['OUT'] }])
  })
})

describe('while orders wait', () => {
  test('goods that they take all of cross nothing', async ({ app }) => {
    await seed(app).item({ sku: 'A', available: 1 })
    await place(app, 1)
    await place(app, 3)
    await change(app, 3)
    expect(await crossings(app)).toEqual([['OUT']])
    await serve(app)
    expect(await crossings(app)).toEqual([['OUT']])
  })

  test('what is left of goods is judged once they are served', async ({ app }) => {
    await seed(app).item({ sku: 'A', available: 1 })
    await lowAt(app, 2)
    await app.pool.query('update items set is_low = true')
    await place(app, 1)
    await place(app, 3)
    await change(app, 10)
    expect(await crossings(app)).toEqual([['OUT']])
    await serve(app)
    expect(await crossings(app)).toEqual([['OUT'], ['BACK']])
    const { rows } = await app.pool.query(
      'select type, crossed_id from inventory_movements order by id desc limit 1',
    )
    expect(rows).toEqual([{ type: 'RESERVATION', crossed_id: null }])
    expect(await readState(app)).toEqual({ isLow: false, isOut: false })
  })

  test('goods that do not fit any are judged with the receipt, which has a second place for it', async ({
    app,
  }) => {
    await seed(app).item({ sku: 'A', available: 1 })
    await place(app, 1)
    await place(app, 3)
    await change(app, 2)
    expect(await crossings(app)).toEqual([['OUT']])
    await serve(app)
    expect(await crossings(app)).toEqual([['OUT'], ['BACK']])
    const { rows } = await app.pool.query(
      'select type, crossed_id > id as "isSecond" from inventory_movements order by id desc limit 1',
    )
    expect(rows).toEqual([{ type: 'ADJUSTMENT', isSecond: true }])
  })

  test('the first goods of an item cross nothing, whoever takes them', async ({ app }) => {
    await seed(app).item({ sku: 'A' })
    await place(app, 3)
    await change(app, 5)
    await serve(app)
    expect(await crossings(app)).toEqual([])
    expect(await readState(app)).toEqual({ isLow: false, isOut: false })
    await change(app, -2)
    expect(await crossings(app)).toEqual([['OUT']])
  })
})

describe('rules that change while orders are served', () => {
  const setRules = (app: App, rules: Omit<SetStockRulesRequest, 'sku'>) =>
    setStockRules(app, LOCAL_OPERATOR, { sku: 'A', ...rules })

  test('are not told, and what orders take afterwards is', async ({ app }) => {
    await seed(app).item({ sku: 'A', available: 8 })
    await setRules(app, { safetyStock: 5n, lowStockAt: 1n })
    await place(app, 20)
    await setRules(app, { safetyStock: 0n })
    expect(await readState(app)).toEqual({ isLow: false, isOut: false })
    const id = await place(app, 8)
    expect(await crossings(app)).toEqual([])
    await serve(app)
    expect(await findOrder(app, LOCAL_OPERATOR, id)).toMatchObject({ status: 'RESERVED' })
    expect(await crossings(app)).toEqual([['LOW', 'OUT']])
  })

  test('bring nothing back', async ({ app }) => {
    await seed(app).item({ sku: 'A', available: 8 })
    await setRules(app, { safetyStock: 8n })
    await place(app, 20)
    await setRules(app, { safetyStock: 0n })
    await serve(app)
    expect(await readState(app)).toEqual({ isLow: false, isOut: false })
    expect(await crossings(app)).toEqual([])
  })

  test('hide nothing of what came before them', async ({ app }) => {
    await seed(app).item({ sku: 'A', available: 1 })
    await place(app, 1)
    await place(app, 3)
    await change(app, 10)
    await setRules(app, { safetyStock: 1n, lowStockAt: 2n })
    await serve(app)
    expect(await crossings(app)).toEqual([['OUT'], ['BACK']])
    expect(await readState(app)).toEqual({ isLow: false, isOut: false })
  })
})

test('an item whose first goods are being given out is not listed as out', async ({ app }) => {
  await seed(app).item({ sku: 'A' })
  await seed(app).item({ sku: 'NEW' })
  await place(app, 3)
  await change(app, 100)
  const list = (isOut: boolean) => {
    const filter = { isOut, isLow: null, isBackordered: null, skuPrefix: null }
    return listItems(app, LOCAL_OPERATOR, { ...filter, cursor: null, direction: 'later', sizeMax: 10 })
  }
  expect(await list(true)).toEqual(['NEW'])
  expect(await list(false)).toEqual(['A'])
  await serve(app)
  expect(await list(false)).toEqual(['A'])
})

describe('a location', () => {
  test('that closes and opens crosses nothing', async ({ app }) => {
    await seed(app).location('WEST')
    await seed(app).item({ sku: 'A', available: 5, location: 'WEST' })
    await saveLocation(app, LOCAL_OPERATOR, { code: 'WEST', isActive: false })
    expect(await readState(app)).toEqual({ isLow: false, isOut: true })
    await saveLocation(app, LOCAL_OPERATOR, { code: 'WEST', isActive: true })
    expect(await readState(app)).toEqual({ isLow: false, isOut: false })
    expect(await crossings(app)).toEqual([])
    await place(app, 5)
    expect(await crossings(app)).toEqual([['OUT']])
  })

  test('that opens for who waits crosses nothing once they are served either', async ({ app }) => {
    await seed(app).location('WEST', { isActive: false })
    await seed(app).item({ sku: 'A', available: 5, location: 'WEST' })
    await seed(app).stock({ sku: 'A', qty: 1 })
    await place(app, 1)
    await place(app, 2)
    expect(await crossings(app)).toEqual([['BACK'], ['OUT']])
    await saveLocation(app, LOCAL_OPERATOR, { code: 'WEST', isActive: true })
    await serve(app)
    expect(await crossings(app)).toEqual([['BACK'], ['OUT']])
    expect(await readState(app)).toEqual({ isLow: false, isOut: false })
  })

  test('that closes meanwhile is judged with what comes in there', async ({ app }) => {
    await seed(app).location('WEST')
    await seed(app).item({ sku: 'A' })
    await seed(app).stock({ sku: 'A', qty: 1 })
    await change(app, -1)
    // both ways round, since who comes first is anybody's guess
    for (let round = 0; round < 10; round++) {
      await Promise.all([
        seed(app).stock({ sku: 'A', location: 'WEST', qty: 1 }),
        saveLocation(app, LOCAL_OPERATOR, { code: 'WEST', isActive: round % 2 === 1 }),
      ])
      expect((await readState(app)).isOut).toBe(round % 2 === 0)
    }
  })
})

test('a state that is off is found and set, and crosses nothing', async ({ app }) => {
  await seed(app).item({ sku: 'A', available: 5 })
  await app.pool.query('update items set is_out = true')
  const { repairs, remaining } = await reconcile(app, { repair: true })
  expect(repairs).toEqual(['A: whether it is low or out of stock was set to what its levels say'])
  expect(remaining).toEqual([])
  expect(await crossings(app)).toEqual([])
})
