import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, onTestFinished, vi } from 'vitest'
import { type Caller, LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import type { InventoryChange } from '../../src/domain/stock/thresholds.ts'
import { cursorOf, placeOf } from '../../src/feed/stock-cursor.ts'
import type { StockFilter } from '../../src/feed/stock-filter.ts'
import { STREAM_PAGE_SIZE } from '../../src/limits.ts'
import { LEDGER_START } from '../../src/sql/stock/ledger/read-changes.ts'
import { serveWaiting } from '../../src/use-cases/orders/serve-waiting.ts'
import { cursorAfter } from '../support/cursor-after.ts'
import { administer } from '../support/database-server.ts'
import { test } from '../support/fixtures.ts'
import { eventually, joinTestApp, seed } from '../support/harness.ts'
import { reserveOrders } from '../support/reserve-orders.ts'
import { change, EVERYTHING, follow, readIds, storeMovements } from './follow-stock.ts'

describe('a view', () => {
  test('receives every change from now on, whatever caused it, in the order of the ledger', async ({
    app,
  }) => {
    await seed(app).item({ sku: 'A', available: 10 })
    const { settled } = await follow(app)
    await change(app, 5)
    await seed(app).item({ sku: 'B', available: 3 })
    const { id } = await seed(app).order({ sku: 'A', qty: 4 })
    await reserveOrders(app, [id])
    const seen = await settled(3)
    expect(
      seen.map(({ movement }) => [movement.sku, movement.type, movement.delta, movement.orderId]),
    ).toEqual([
      ['A', 'ADJUSTMENT', 5, null],
      ['B', 'RECEIPT', 3, null],
      ['A', 'RESERVATION', -4, id],
    ])
    expect(seen.map(({ location, crossed }) => [location.code, crossed])).toEqual(Array(3).fill(['MAIN', []]))
    expect(seen.at(-1)!.availableToPromise).toBe(11n)
  })

  test('receives the changes of another process, also those of no order', async ({ app, testApp }) => {
    await seed(app).item({ sku: 'A', available: 10 })
    const other = await joinTestApp(testApp)
    onTestFinished(other.close)
    const { settled } = await follow(other.app)
    await change(app, 5)
    await settled(1)
  })

  test('resumes after a cursor, in another process too', async ({ app, testApp }) => {
    await seed(app).item({ sku: 'A', available: 10 })
    for (let qty = 1; qty <= 5; qty++) await change(app, qty)
    const first = await follow(app, { after: cursorOf(LEDGER_START) })
    const [, second] = await first.settled(6)
    const other = await joinTestApp(testApp)
    onTestFinished(other.close)
    const { settled } = await follow(other.app, { after: cursorOf(placeOf(second!)) })
    expect((await settled(4)).map(({ movement }) => movement.delta)).toEqual([2, 3, 4, 5])
    await change(app, 6)
    expect((await settled(5)).at(-1)!.movement.delta).toBe(6)
  })

  test('receives the changes of the SKUs and at the locations that it asks for', async ({ app }) => {
    await seed(app).location('WEST')
    for (const sku of ['A', 'B', 'C']) await seed(app).item({ sku, available: 10 })
    const bySku = await follow(app, { skus: ['A', 'C'] })
    const byPlace = await follow(app, { locations: ['WEST'] })
    const byBoth = await follow(app, { skus: ['B'], locations: ['WEST', 'MAIN'] })
    for (const sku of ['A', 'B', 'C']) {
      await change(app, 1, sku)
      await change(app, 2, sku, 'WEST')
    }
    const told = (changes: InventoryChange[]) =>
      changes.map(({ movement }) => `${movement.sku} ${movement.location}`)
    expect(told(await bySku.settled(4))).toEqual(['A MAIN', 'A WEST', 'C MAIN', 'C WEST'])
    expect(told(await byPlace.settled(3))).toEqual(['A WEST', 'B WEST', 'C WEST'])
    expect(told(await byBoth.settled(2))).toEqual(['B MAIN', 'B WEST'])
  })

  test('receives a change a second time that was found to cross something once orders were served', async ({
    app,
  }) => {
    await seed(app).item({ sku: 'A', available: 1 })
    const { id } = await seed(app).order({ sku: 'A', qty: 4, ifShort: 'WAIT' })
    await reserveOrders(app, [id])
    await change(app, -1)
    const { settled } = await follow(app)
    await change(app, 2)
    await settled(1)
    await serveWaiting(app, { sku: 'A' })
    const told = (changes: InventoryChange[]) =>
      changes.map(({ movement, crossed, isRepeat }) => [movement.delta, crossed, isRepeat])
    const expected = [
      [2, [], false],
      [2, ['BACK'], true],
    ]
    expect(told(await settled(2))).toEqual(expected)
    // a later view receives the same
    const later = await follow(app, { after: await cursorAfter(app, 2) })
    expect(told(await later.settled(2))).toEqual(expected)
  })

  test('reads a backlog of several pages, and then what is new, without gap or double', async ({ app }) => {
    await seed(app).item({ sku: 'A', available: 10 })
    await storeMovements(app, 2 * STREAM_PAGE_SIZE + 10)
    const { settled, ids } = await follow(app, { after: cursorOf(LEDGER_START) })
    await change(app, 1)
    await settled(2 * STREAM_PAGE_SIZE + 12)
    expect(ids()).toEqual(await readIds(app))
  })
})

test('changes made while LISTEN was lost are delivered after it is back', async ({ app, testApp }) => {
  await seed(app).item({ sku: 'A', available: 10 })
  const { settled } = await follow(app)
  await change(app, 1)
  await settled(1)
  // the listener comes back a tenth of a second later: who asked now and then could miss that it was away
  const lost = new Promise<void>((resolve) => {
    const warned = vi.spyOn(app.logger, 'warn').mockImplementation((...args: unknown[]) => {
      if (args[1] === 'listening connection lost') resolve()
    })
    onTestFinished(() => warned.mockRestore())
  })
  await administer(
    testApp.databaseUrl,
    `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'holdfast-listen'`,
  )
  await lost
  await change(app, 2)
  await eventually(() => app.feed.isListening())
  expect((await settled(2)).map(({ movement }) => movement.delta)).toEqual([1, 2])
})

test('where nobody follows the stock, a change asks the database nothing', async ({ app }) => {
  await seed(app).item({ sku: 'A', available: 10 })
  const asked = vi.spyOn(app.pool, 'query')
  onTestFinished(() => asked.mockRestore())
  await change(app, 1)
  await sleep(100)
  const names = () => asked.mock.calls.map(([statement]) => (statement as unknown as { name: string }).name)
  const ofStream = ['read-ledger-end', 'find-ledger-writers', 'find-last-place', 'read-changes']
  expect(names().filter((name) => ofStream.includes(name))).toEqual([])
  const { settled } = await follow(app)
  await change(app, 2)
  await settled(1)
  expect(names()).toEqual(expect.arrayContaining(ofStream))
})

const cursorAt = (position: bigint, writtenAt = new Date(0)) => cursorOf({ position, writtenAt })

describe('refused is', () => {
  const refused: [string, Partial<StockFilter & { after: string }>, string][] = [
    ['a cursor that is none', { after: 'nonsense' }, 'BAD_USER_INPUT'],
    ['a cursor of a position that is none', { after: cursorAt(-1n) }, 'BAD_USER_INPUT'],
    ['a cursor of a position that no ledger has', { after: cursorAt(2n ** 63n) }, 'BAD_USER_INPUT'],
    ['a cursor of what has not happened', { after: cursorAt(1_000n) }, 'BAD_USER_INPUT'],
    ['a cursor of another movement of the same number', { after: cursorAt(1n) }, 'BAD_USER_INPUT'],
    ['a cursor of a time that is none', { after: cursorAt(1n, new Date(Number.NaN)) }, 'BAD_USER_INPUT'],
    ['a SKU that there is not', { skus: ['A', 'GONE'] }, 'NOT_FOUND'],
    ['what is no SKU', { skus: ['a b'] }, 'NOT_FOUND'],
    ['a location that there is not', { locations: ['MAIN', 'NOWHERE'] }, 'NOT_FOUND'],
    ['what is no location', { locations: ['\0'] }, 'NOT_FOUND'],
    ['a list of no SKU', { skus: [] }, 'BAD_USER_INPUT'],
    ['a list of too many', { skus: Array(1_001).fill('A') }, 'BAD_USER_INPUT'],
  ]
  test.for(refused)('%s', async ([_name, filter, code], { app }) => {
    await seed(app).item({ sku: 'A', available: 10 })
    const asked = app.stockFeed.watch(LOCAL_OPERATOR, { ...EVERYTHING, ...filter })
    await expect(asked).rejects.toMatchObject({ code })
    expect(app.stockFeed.watcherCount).toBe(0)
  })

  test('a customer', async ({ app }) => {
    const customer: Caller = { id: 'ada', role: 'customer', expiresAt: null }
    const asked = app.stockFeed.watch(customer, EVERYTHING)
    await expect(asked).rejects.toMatchObject({ code: 'FORBIDDEN' })
  })
})
