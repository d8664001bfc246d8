import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { describe, expect, onTestFinished } from 'vitest'
import type { App } from '../../src/create-app.ts'
import { LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import { cursorAfter } from '../support/cursor-after.ts'
import { test } from '../support/fixtures.ts'
import { createTestDatabase, eventually, joinTestApp, seed, type TestApp } from '../support/harness.ts'
import { reserveOrders } from '../support/reserve-orders.ts'
import { change, EVERYTHING, follow, readIds, underWay } from './follow-stock.ts'

// Transactions that are open while others commit: which of them a stream waits for, and which it does not.

describe('a transaction whose ids were drawn early', () => {
  test('and that commits late is missed by nobody, and nothing comes twice', async ({ app, testApp }) => {
    testApp.allowBreaches('movements are written by hand')
    for (const sku of ['A', 'B', 'C']) await seed(app).item({ sku, available: 10 })
    const { settled, ids, seen } = await follow(app)
    const early = await underWay(app, 'A')
    await change(app, 1, 'B')
    const resuming = await follow(app, { after: await cursorAfter(app, 3) })
    // began while the first was under way: it was not committed then
    const late = await follow(app, { skus: ['A', 'C'] })
    await change(app, 1, 'C')
    await sleep(100)
    expect(seen).toEqual([])
    await early.commit()
    await settled(3)
    expect(ids()).toEqual([4, 5, 6])
    await resuming.settled(3)
    expect(resuming.ids()).toEqual([4, 5, 6])
    await late.settled(2)
    expect(late.ids()).toEqual([4, 6])
  })

  test('and that is rolled back holds up nobody any longer', async ({ app, testApp }) => {
    testApp.allowBreaches('movements are written by hand')
    for (const sku of ['A', 'B']) await seed(app).item({ sku, available: 10 })
    const { settled, ids } = await follow(app)
    const early = await underWay(app, 'A')
    await change(app, 1, 'B')
    await sleep(100)
    expect(app.stockFeed.lagMs).toBeGreaterThan(50)
    await early.rollback()
    await settled(1)
    expect(ids()).toEqual([4])
    await eventually(() => app.stockFeed.lagMs === 0)
  })

  test('and others beside it: the changes of each level come in their order', async ({ app, testApp }) => {
    for (const sku of ['A', 'B', 'C']) await seed(app).item({ sku, available: 1_000 })
    const other = await joinTestApp(testApp)
    onTestFinished(other.close)
    const views = [await follow(app), await follow(other.app)]
    const work = async (on: App, round: number) => {
      // an order's transaction has its xid before it waits for the levels
      const { id } = await seed(on).order({
        lines: [
          ['A', 1],
          ['B', 1],
          ['C', 1],
        ].slice(0, (round % 3) + 1) as [string, number][],
      })
      await reserveOrders(on, [id])
      await change(on, 1, 'ABC'[round % 3])
      if (round % 5 === 0) {
        const resumed = await follow(on, {
          after: await cursorAfter(on, views[0]!.seen.at(-1)?.position ?? 3n),
        })
        views.push(resumed)
      }
    }
    for (let round = 0; round < 15; round++) {
      await Promise.all([
        work(app, round),
        work(other.app, round + 1),
        work(app, round + 2),
        work(other.app, round),
      ])
    }
    const all = (await readIds(app)).filter((id) => id > 3)
    for (const { seen, ids } of views) {
      await eventually(() => ids().at(-1) === all.at(-1))
      expect(ids()).toEqual(all.slice(all.length - ids().length))
      const after = new Map<string, bigint>()
      for (const { movement } of seen) {
        const before = after.get(movement.sku)
        if (before !== undefined) expect(before + BigInt(movement.delta)).toBe(movement.availableAfter)
        after.set(movement.sku, movement.availableAfter)
      }
    }
    expect(views[0]!.ids()).toEqual(all)
    expect(views[1]!.ids()).toEqual(all)
  })
})

describe('a long transaction holds back nothing', () => {
  const others: [string, string][] = [
    ['of which others hear nothing', 'select pg_current_xact_id()'],
    ['that writes other tables', `update locations set name = 'x'`],
    ['that only reads', 'set transaction isolation level repeatable read; select count(*) from items'],
  ]
  test.for(others)('%s', async ([_name, statement], { app }) => {
    await seed(app).item({ sku: 'A', available: 10 })
    const { settled } = await follow(app)
    const client = await app.pool.connect()
    await client.query(`begin; ${statement}`)
    await change(app, 1)
    await settled(1)
    await client.query('rollback')
    client.release()
  })

  test('of another database that moves stock', async ({ app }) => {
    await seed(app).item({ sku: 'A', available: 10 })
    const { settled } = await follow(app)
    const elsewhere = await createTestDatabase()
    const client = new pg.Client({ connectionString: elsewhere.databaseUrl })
    await client.connect()
    await client.query('begin; lock table inventory_movements in row exclusive mode')
    await change(app, 1)
    await settled(1)
    await client.end()
    await elsewhere.drop()
  })
})

describe('a process that starts while a transaction that moves stock is open', () => {
  const begin = async (app: App, testApp: TestApp) => {
    await seed(app).item({ sku: 'A', available: 10 })
    await seed(app).item({ sku: 'B', available: 10 })
    const early = await underWay(app, 'A')
    const other = await joinTestApp(testApp)
    onTestFinished(other.close)
    return { early, other: other.app }
  }

  test('opens views all the same, counts their wait, and ends those from now on once it knows where they begin', async ({
    app,
    testApp,
  }) => {
    testApp.allowBreaches('movements are written by hand')
    const { early, other } = await begin(app, testApp)
    const fromNow = await follow(other)
    const resumed = await follow(other, { after: await cursorAfter(app, 2) })
    expect(other.stockFeed.lagMs).toBeGreaterThan(500)
    await change(app, 1, 'B')
    await sleep(50)
    expect(resumed.seen).toEqual([])
    await early.commit()
    await expect(fromNow.over).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    expect(fromNow.seen).toEqual([])
    await resumed.settled(2)
    expect(resumed.ids()).toEqual([3, 4])
    const again = await follow(other)
    await change(app, 2, 'B')
    await again.settled(1)
    await eventually(() => other.stockFeed.lagMs === 0)
  })

  test('lets a client that leaves meanwhile go', async ({ app, testApp }) => {
    testApp.allowBreaches('movements are written by hand')
    const { early, other } = await begin(app, testApp)
    const leaving = new AbortController()
    const asked = other.stockFeed.watch(LOCAL_OPERATOR, EVERYTHING, 'sse', leaving.signal)
    await eventually(() => other.stockFeed.lagMs > 0)
    leaving.abort()
    expect(await (await asked).next()).toMatchObject({ done: true })
    expect([other.stockFeed.lagMs, other.stockFeed.watcherCount]).toEqual([0, 0])
    await early.rollback()
  })
})
