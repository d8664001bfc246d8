import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, onTestFinished } from 'vitest'
import { type Caller, LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import type { InventoryChange } from '../../src/domain/stock/thresholds.ts'
import { cursorOf, placeOf } from '../../src/feed/stock-cursor.ts'
import { eachOf } from '../../src/feed/stock-watcher.ts'
import { STREAM_BACKLOG_MAX, STREAM_PAGE_SIZE } from '../../src/limits.ts'
import { cursorAfter } from '../support/cursor-after.ts'
import { test } from '../support/fixtures.ts'
import { eventually, joinTestApp, seed } from '../support/harness.ts'
import { change, EVERYTHING, follow, readIds, storeMovements } from './follow-stock.ts'

describe('a client', () => {
  test('that does not read is cut off, and resumes after its cursor', async ({ app, testApp }) => {
    testApp.allowBreaches('movements are written by hand')
    await seed(app).item({ sku: 'A', available: 10 })
    const watcher = await app.stockFeed.watch(LOCAL_OPERATOR, EVERYTHING)
    await change(app, 1)
    const { value } = await watcher.next()
    const cursor = cursorOf(placeOf((value as [InventoryChange])[0]))
    // small commits, each read for all: the view stays up to date, and its client does not
    const other = await follow(app)
    while (other.seen.length <= STREAM_BACKLOG_MAX) {
      const before = other.seen.length
      await storeMovements(app, STREAM_PAGE_SIZE / 2)
      await change(app, 1)
      await eventually(() => other.seen.length > before + STREAM_PAGE_SIZE / 2)
    }
    const refusal = {
      code: 'UNAVAILABLE',
      message: expect.stringContaining(`after: "${cursor}"`),
    }
    await expect(watcher.next()).rejects.toMatchObject(refusal)
    expect(await watcher.next()).toMatchObject({ done: true })
    const { ids } = await follow(app, { after: cursor })
    const all = await readIds(app)
    await eventually(() => ids().length >= all.length - 2)
    expect(ids()).toEqual(all.slice(2))
  })

  test('that comes back from far behind is never sent more than it takes', async ({ app, testApp }) => {
    testApp.allowBreaches('movements are written by hand')
    await seed(app).item({ sku: 'A', available: 10 })
    const after = await cursorAfter(app, 1)
    await storeMovements(app, STREAM_BACKLOG_MAX + 2 * STREAM_PAGE_SIZE)
    const each = eachOf(await app.stockFeed.watch(LOCAL_OPERATOR, { ...EVERYTHING, after }))
    await each.next()
    await sleep(100)
    let count = 1
    while (count < STREAM_BACKLOG_MAX + 2 * STREAM_PAGE_SIZE) {
      expect((await each.next()).done).toBe(false)
      count++
    }
    await each.return?.()
  })

  test('whose token expires receives an error that says so', async ({ app }) => {
    await seed(app).item({ sku: 'A', available: 10 })
    const caller: Caller = { id: 'wms', role: 'service', expiresAt: new Date(Date.now() + 300) }
    const watcher = await app.stockFeed.watch(caller, EVERYTHING, 'websocket')
    await expect(watcher.next()).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    expect(app.stockFeed.tallies.websocket).toMatchObject({ open: 0, dropped: { 'token-expired': 1 } })
  })

  test('of a server that stops is asked to subscribe again', async ({ testApp }) => {
    const other = await joinTestApp(testApp)
    onTestFinished(other.close)
    const { stockFeed } = other.app
    const watcher = await stockFeed.watch(LOCAL_OPERATOR, EVERYTHING)
    const refusal = { code: 'UNAVAILABLE', message: expect.stringContaining('with after') }
    const refused = expect(watcher.next()).rejects.toMatchObject(refusal)
    stockFeed.stop()
    await refused
    expect(await watcher.next()).toMatchObject({ done: true })
    await expect(stockFeed.watch(LOCAL_OPERATOR, EVERYTHING)).rejects.toMatchObject(refusal)
    expect(stockFeed.watcherCount).toBe(0)
  })

  test('that leaves is forgotten', async ({ app }) => {
    const leaving = new AbortController()
    const watcher = await app.stockFeed.watch(LOCAL_OPERATOR, EVERYTHING, 'sse', leaving.signal)
    const next = watcher.next()
    leaving.abort()
    expect(await next).toMatchObject({ done: true })
    expect(app.stockFeed.watcherCount).toBe(0)
    const gone = await app.stockFeed.watch(LOCAL_OPERATOR, EVERYTHING, 'sse', leaving.signal)
    expect(await gone.next()).toMatchObject({ done: true })
    expect(app.stockFeed.tallies.sse.open).toBe(0)
  })
})
