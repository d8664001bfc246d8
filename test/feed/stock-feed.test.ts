import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { describe, expect, onTestFinished, vi } from 'vitest'
import type { App } from '../../src/create-app.ts'
import { type Caller, LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import type { InventoryChange } from '../../src/domain/stock/thresholds.ts'
import { cursorOf, placeOf } from '../../src/feed/stock-cursor.ts'
import type { StockFilter } from '../../src/feed/stock-filter.ts'
import { eachOf } from '../../src/feed/stock-watcher.ts'
import { STREAM_BACKLOG_MAX, STREAM_PAGE_SIZE } from '../../src/limits.ts'
import { LEDGER_START } from '../../src/sql/stock/ledger/read-changes.ts'
import { serveWaiting } from '../../src/use-cases/orders/serve-waiting.ts'
import { cursorAfter } from '../support/cursor-after.ts'
import { administer } from '../support/database-server.ts'
import { test } from '../support/fixtures.ts'
import { createTestDatabase, eventually, joinTestApp, seed, type TestApp } from '../support/harness.ts'
import { reserveOrders } from '../support/reserve-orders.ts'

/** Follows the stock of an application, and keeps what it receives. */
async function follow(app: App, filter: Partial<StockFilter & { after: string | null }> = {}) {
  const watcher = await app.stockFeed.watch(LOCAL_OPERATOR, {
    skus: null,
    locations: null,
    after: null,
    ...filter,
  })
  const seen: InventoryChange[] = []
  const over = (async () => {
    for await (const changes of watcher) seen.push(...changes)
  })()
  over.catch(() => {})
  onTestFinished(() => void watcher.return())
  return {
    seen,
    over,
    watcher,
    ids: () => seen.map(({ movement }) => Number(movement.id)),
    /** Waits until it has received so many, and then for more that must not come. */
    async settled(count: number) {
      await eventually(() => seen.length >= count)
      await sleep(50)
      expect(seen).toHaveLength(count)
      return seen
    },
  }
}

const change = (app: App, qty: number, sku = 'A', location = 'MAIN') =>
  seed(app).stock({ sku, location, qty })

/** A transaction that has drawn the id of a movement, and is not over. */
async function underWay(app: App, sku: string) {
  const client = await app.pool.connect()
  await client.query('begin')
  await client.query('select from stock_levels where sku = $1 for update', [sku])
  await client.query(
    `insert into inventory_movements (sku, location, type, delta, reserved_delta, available_after, reserved_after, created_at)
    select $1, 'MAIN', 'ADJUSTMENT', 1, 0, available + 1, 0, now() from stock_levels where sku = $1`,
    [sku],
  )
  await client.query('update stock_levels set available = available + 1 where sku = $1', [sku])
  const end = (how: 'commit' | 'rollback') => async () => {
    await client.query(how)
    client.release()
  }
  return { commit: end('commit'), rollback: end('rollback') }
}

async function readIds(app: App): Promise<number[]> {
  const { rows } = await app.pool.query<{ id: number }>('select id::int from inventory_movements order by id')
  return rows.map(({ id }) => id)
}

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

  test('receives what was crossed', async ({ app }) => {
    await seed(app).item({ sku: 'A', available: 2 })
    const { settled } = await follow(app)
    await change(app, -2)
    await change(app, 3)
    expect((await settled(2)).map(({ crossed }) => crossed)).toEqual([['OUT'], ['BACK']])
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

/** Writes movements to the ledger alone, in one statement: as many came and went. */
async function storeMovements(app: App, count: number): Promise<void> {
  await app.pool.query(
    `insert into inventory_movements (sku, location, type, delta, reserved_delta, available_after, reserved_after, created_at)
    select 'A', 'MAIN', 'ADJUSTMENT', case when n % 2 = 1 then 1 else -1 end, 0, 10 + n % 2, 0, now()
    from generate_series(1, $1::int) as n`,
    [count],
  )
}

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

/** Loses the last movement, as a backup or a replica that is behind does. */
async function setBack(app: App): Promise<void> {
  await app.pool.query(`update stock_levels set available = available - newest.delta
    from (select * from inventory_movements order by id desc limit 1) as newest
    where stock_levels.sku = newest.sku and stock_levels.location = newest.location`)
  const { rows } = await app.pool.query<{ id: number }>(
    `delete from inventory_movements where id = (select max(id) from inventory_movements) returning id::int`,
  )
  await app.pool.query(`select setval('inventory_movements_id_seq', $1)`, [rows[0]!.id - 1])
}

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
    const ask = { skus: null, locations: null, after: null }
    const asked = other.stockFeed.watch(LOCAL_OPERATOR, ask, 'sse', leaving.signal)
    await eventually(() => other.stockFeed.lagMs > 0)
    leaving.abort()
    expect(await (await asked).next()).toMatchObject({ done: true })
    expect([other.stockFeed.lagMs, other.stockFeed.watcherCount]).toEqual([0, 0])
    await early.rollback()
  })
})

describe('of a database that was set back', () => {
  test('and has grown again since, a cursor of what was lost is refused', async ({ app }) => {
    await seed(app).item({ sku: 'A', available: 10 })
    await change(app, 1)
    const kept = await cursorAfter(app, 2)
    await change(app, 2)
    const lost = await cursorAfter(app, 3)
    await setBack(app)
    await change(app, 3)
    await change(app, 4)
    await expect(follow(app, { after: lost })).rejects.toMatchObject({ code: 'BAD_USER_INPUT' })
    const { settled } = await follow(app, { after: kept })
    expect((await settled(2)).map(({ movement }) => movement.delta)).toEqual([3, 4])
  })

  test('open views end, and those that come anew receive what takes the place of what was lost', async ({
    app,
  }) => {
    await seed(app).item({ sku: 'A', available: 10 })
    const first = await follow(app)
    await change(app, 1)
    await change(app, 2)
    await first.settled(2)
    await setBack(app)
    await change(app, 3)
    await expect(first.over).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    const { settled } = await follow(app, { after: cursorOf(placeOf(first.seen[0]!)) })
    await change(app, 4)
    expect((await settled(2)).map(({ movement }) => movement.delta)).toEqual([3, 4])
  })

  test('by a crash that lost numbers of the sequence, nothing is missed', async ({ app, testApp }) => {
    testApp.allowBreaches('movements are written by hand')
    await seed(app).item({ sku: 'A', available: 10 })
    const { settled, ids } = await follow(app)
    const early = await underWay(app, 'A')
    await early.rollback()
    await change(app, 1)
    await settled(1)
    const gone = await underWay(app, 'A')
    await gone.rollback()
    // a look at the ledger while its sequence is at 4
    app.stockFeed.wake()
    await sleep(100)
    await app.pool.query(`select setval('inventory_movements_id_seq', 3)`)
    await change(app, 2)
    await settled(2)
    expect(ids()).toEqual([3, 4])
  })
})

describe('a client', () => {
  test('that does not read is cut off, and resumes after its cursor', async ({ app, testApp }) => {
    testApp.allowBreaches('movements are written by hand')
    await seed(app).item({ sku: 'A', available: 10 })
    const watcher = await app.stockFeed.watch(LOCAL_OPERATOR, { skus: null, locations: null, after: null })
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
    const each = eachOf(await app.stockFeed.watch(LOCAL_OPERATOR, { skus: null, locations: null, after }))
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
    const watcher = await app.stockFeed.watch(
      caller,
      { skus: null, locations: null, after: null },
      'websocket',
    )
    await expect(watcher.next()).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    expect(app.stockFeed.tallies.websocket).toMatchObject({ open: 0, dropped: { 'token-expired': 1 } })
  })

  test('of a server that stops is asked to subscribe again', async ({ testApp }) => {
    const other = await joinTestApp(testApp)
    onTestFinished(other.close)
    const { stockFeed } = other.app
    const ask = { skus: null, locations: null, after: null }
    const watcher = await stockFeed.watch(LOCAL_OPERATOR, ask)
    const refusal = { code: 'UNAVAILABLE', message: expect.stringContaining('with after') }
    const refused = expect(watcher.next()).rejects.toMatchObject(refusal)
    stockFeed.stop()
    await refused
    expect(await watcher.next()).toMatchObject({ done: true })
    await expect(stockFeed.watch(LOCAL_OPERATOR, ask)).rejects.toMatchObject(refusal)
    expect(stockFeed.watcherCount).toBe(0)
  })

  test('that leaves is forgotten', async ({ app }) => {
    const leaving = new AbortController()
    const ask = { skus: null, locations: null, after: null }
    const watcher = await app.stockFeed.watch(LOCAL_OPERATOR, ask, 'sse', leaving.signal)
    const next = watcher.next()
    leaving.abort()
    expect(await next).toMatchObject({ done: true })
    expect(app.stockFeed.watcherCount).toBe(0)
    const gone = await app.stockFeed.watch(LOCAL_OPERATOR, ask, 'sse', leaving.signal)
    expect(await gone.next()).toMatchObject({ done: true })
    expect(app.stockFeed.tallies.sse.open).toBe(0)
  })
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
    const asked = app.stockFeed.watch(LOCAL_OPERATOR, { skus: null, locations: null, after: null, ...filter })
    await expect(asked).rejects.toMatchObject({ code })
    expect(app.stockFeed.watcherCount).toBe(0)
  })

  test('a customer', async ({ app }) => {
    const customer: Caller = { id: 'ada', role: 'customer', expiresAt: null }
    const asked = app.stockFeed.watch(customer, { skus: null, locations: null, after: null })
    await expect(asked).rejects.toMatchObject({ code: 'FORBIDDEN' })
  })
})
