import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { App } from '../../src/create-app.ts'
import { LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import type { Order } from '../../src/domain/orders/order.ts'
import { decodeNotices, notifyWatchers, ORDER_CHANNEL } from '../../src/sql/orders/notify-watchers.ts'
import { reserveInventory } from '../../src/use-cases/orders/reserve-inventory.ts'
import { administer } from '../support/database-server.ts'
import { failOrder } from '../support/fail-order.ts'
import { createTestApp, eventually, joinTestApp, seed, type TestApp } from '../support/harness.ts'
import { reserveOrders } from '../support/reserve-orders.ts'

let testApp: TestApp
let app: App
beforeEach(async () => {
  testApp = await createTestApp()
  app = testApp.app
})
afterEach(() => testApp.close())

/** Moves an order on by so many versions, one transaction each, on a connection of the caller's or of the pool. */
async function change(orderId: string, times = 1, on: pg.Pool | pg.PoolClient = app.pool): Promise<number> {
  testApp.allowBreaches('there are no events of these versions', "events number an order's version")
  let version = 0
  for (let time = 0; time < times; time++) {
    const text = 'update orders set version = version + 1 where id = $1 returning version'
    version = (await on.query(text, [orderId])).rows[0].version
    await notifyWatchers(on, [{ id: orderId, version }])
  }
  return version
}

async function versionOf(next: Promise<IteratorResult<Order>>): Promise<number | undefined> {
  return (await next).value?.version
}

async function seedOrders(count: number): Promise<string[]> {
  await seed(app).item({ available: count })
  const orders = await Promise.all(Array.from({ length: count }, () => seed(app).order()))
  return orders.map(({ id }) => id)
}

/** Hears the channel as any other program would. */
async function eavesdrop() {
  const client = new pg.Client({ connectionString: testApp.databaseUrl })
  const heard: string[] = []
  const isOver = new Promise<void>((resolve) => {
    client.on('notification', ({ channel, payload }) => {
      if (channel === 'over') resolve()
      else heard.push(payload ?? '')
    })
  })
  await client.connect()
  await client.query(`listen ${ORDER_CHANNEL}`)
  await client.query('listen over')
  return {
    /** All that was said until now: notifications arrive in the order of their commits. */
    hearAll: async () => {
      await client.query('notify over')
      await isOver
      await client.end()
      return heard
    },
  }
}

describe('a change', () => {
  it('reaches the watchers of another application on the same database', async () => {
    const [id] = await seedOrders(1)
    const other = await joinTestApp(testApp)
    const watcher = await other.app.feed.watch(LOCAL_OPERATOR, id!, 0)
    expect(await versionOf(watcher.next())).toBe(1)
    const next = watcher.next()
    await reserveOrders(app, [id!])
    expect((await next).value).toMatchObject({ id, status: 'RESERVED', version: 2 })
    await other.close()
    await expect(watcher.next()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    expect(await watcher.next()).toMatchObject({ done: true })
  })

  it('of 300 orders in one transaction reaches 300 watchers by one notification', async () => {
    const ids = await seedOrders(300)
    const watchers = await Promise.all(ids.map((id) => app.feed.watch(LOCAL_OPERATOR, id, 1)))
    const { hearAll } = await eavesdrop()
    await reserveOrders(app, ids)
    const seen = await Promise.all(watchers.map(async (watcher) => (await watcher.next()).value))
    expect(seen.map((order) => order?.id)).toEqual(ids)
    for (const order of seen) expect(order).toMatchObject({ status: 'RESERVED', version: 2 })
    expect(await hearAll()).toHaveLength(1)
  })

  it('of more than one notification holds reaches everyone by two', async () => {
    const ids = await seedOrders(330)
    const watchers = await Promise.all(ids.map((id) => app.feed.watch(LOCAL_OPERATOR, id, 1)))
    const { hearAll } = await eavesdrop()
    await reserveOrders(app, ids)
    for (const watcher of watchers) expect(await versionOf(watcher.next())).toBe(2)
    expect(await hearAll()).toHaveLength(2)
  })

  it('is told with the span that it goes back to: another process may trace', async () => {
    const [id] = await seedOrders(1)
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    const origin = { caller: LOCAL_OPERATOR.id, traceparent }
    const { hearAll } = await eavesdrop()
    await reserveInventory(app, [{ orderId: id!, origin }])
    const [payload] = await hearAll()
    expect(decodeNotices(payload!)).toEqual([{ id, version: 2, traceparent }])
  })

  it('reaches each of several watchers of one order', async () => {
    const [id] = await seedOrders(1)
    const watchers = await Promise.all(
      Array.from({ length: 20 }, () => app.feed.watch(LOCAL_OPERATOR, id!, 0)),
    )
    expect(await Promise.all(watchers.map((watcher) => versionOf(watcher.next())))).toEqual(Array(20).fill(1))
    const next = watchers.map((watcher) => versionOf(watcher.next()))
    await change(id!)
    expect(await Promise.all(next)).toEqual(Array(20).fill(2))
  })

  it('made between the first look at the order and its answer is not missed', async () => {
    const [id] = await seedOrders(1)
    const { hearAll } = await eavesdrop()
    const query = app.pool.query.bind(app.pool)
    const spy = vi.spyOn(app.pool, 'query').mockImplementationOnce((async (config: pg.QueryConfig) => {
      const before = await query(config)
      await change(id!)
      await hearAll()
      // the application has heard it, and its second read waits for this one
      await eventually(() => app.groups.findOrder.waitingCount === 1)
      return before
    }) as never)
    const watcher = await app.feed.watch(LOCAL_OPERATOR, id!, 0)
    expect(spy.mock.calls[0]![0]).toMatchObject({ name: 'find-orders' })
    expect(await versionOf(watcher.next())).toBe(1)
    expect(await versionOf(watcher.next())).toBe(2)
  })

  it('is not shown to the watcher of another order', async () => {
    const [mine, other] = await seedOrders(2)
    const watcher = await app.feed.watch(LOCAL_OPERATOR, mine!, 0)
    await watcher.next()
    const next = watcher.next()
    await change(other!, 3)
    await change(mine!)
    expect((await next).value).toMatchObject({ id: mine, version: 2 })
  })
})

it('shows a slow client the newest alone, and then goes on', async () => {
  const [id] = await seedOrders(1)
  const slow = await app.feed.watch(LOCAL_OPERATOR, id!, 0)
  expect(await versionOf(slow.next())).toBe(1)
  const newest = await change(id!, 50)
  await eventually(() => slow.version === newest)
  expect(await versionOf(slow.next())).toBe(51)
  const next = slow.next()
  await change(id!)
  expect(await versionOf(next)).toBe(52)
})

describe('when the connection that listens is lost', () => {
  const listenersOf = `from pg_stat_activity where datname = current_database() and application_name = 'holdfast-listen'`
  const cut = (on: pg.Pool | pg.PoolClient) => on.query(`select pg_terminate_backend(pid) ${listenersOf}`)

  it('still shows watchers the newest of what changed meanwhile', async () => {
    const ids = await seedOrders(3)
    const watchers = await Promise.all(ids.map((id) => app.feed.watch(LOCAL_OPERATOR, id, 1)))
    const client = await app.pool.connect()
    const database = new URL(testApp.databaseUrl).pathname.slice(1)
    // nobody can connect anew: every change below is missed
    await administer(testApp.databaseUrl, `alter database ${database} allow_connections false`)
    await cut(client)
    await eventually(() => !app.feed.isListening())
    await change(ids[0]!, 5, client)
    await change(ids[1]!, 1, client)
    client.release()
    await administer(testApp.databaseUrl, `alter database ${database} allow_connections true`)
    expect(await versionOf(watchers[0]!.next())).toBe(6)
    expect(await versionOf(watchers[1]!.next())).toBe(2)
    // and hears again what changes from now on
    await eventually(() => app.feed.isListening())
    const next = watchers[2]!.next()
    await change(ids[2]!)
    expect(await versionOf(next)).toBe(2)
  })

  it('ends with the newest, however often that happens while an order changes', async () => {
    const [id] = await seedOrders(1)
    const watcher = await app.feed.watch(LOCAL_OPERATOR, id!, 0)
    const versions: number[] = []
    const reading = (async () => {
      while (versions.at(-1) !== 101) versions.push((await watcher.next()).value!.version)
    })()
    for (let round = 0; round < 10; round++) {
      await change(id!, 5)
      await cut(app.pool)
      await change(id!, 5)
    }
    await reading
    expect(versions).toEqual(versions.toSorted((a, b) => a - b))
    expect(new Set(versions).size).toBe(versions.length)
  })

  it('listens on one connection again, and stops with the application', async () => {
    await cut(app.pool)
    const count = async () =>
      (await app.pool.query(`select count(*)::int as count ${listenersOf}`)).rows[0].count
    await eventually(async () => app.feed.isListening() && (await count()) === 1)
    await app.feed.stop()
    await eventually(async () => (await count()) === 0)
    expect(app.feed.isListening()).toBe(false)
  })
})

describe('leaves no watcher behind', () => {
  it('after 1,000 views that were opened and left, in every way to leave', async () => {
    const ids = await seedOrders(10)
    for (let round = 0; round < 100; round++) {
      await Promise.all(
        ids.map(async (id, index) => {
          const watcher = await app.feed.watch(LOCAL_OPERATOR, id, 0)
          if (index % 3 === 0) await watcher.next()
          const next = index % 3 === 2 ? [watcher.next(), watcher.next()] : []
          await watcher.return!()
          await Promise.all(next)
        }),
      )
    }
    expect(app.feed.watcherCount).toBe(0)
    // and what is heard afterwards is nobody's
    await change(ids[0]!)
    expect(await versionOf((await app.feed.watch(LOCAL_OPERATOR, ids[0]!, 0)).next())).toBe(2)
  })

  it.each(['01890a5d-ac96-774b-bcce-b302099a8057', 'x', '', '\u0000'])(
    'for the id %j, which no order has',
    async (id) => {
      await expect(app.feed.watch(LOCAL_OPERATOR, id, 0)).rejects.toMatchObject({
        name: 'CallError',
        code: 'NOT_FOUND',
      })
      expect(app.feed.watcherCount).toBe(0)
    },
  )

  it('when an order fails, and counts those that stay', async () => {
    const ids = await seedOrders(2)
    const watchers = await Promise.all(ids.map((id) => app.feed.watch(LOCAL_OPERATOR, id, 0)))
    expect(app.feed.watcherCount).toBe(2)
    await failOrder(app, ids[0]!)
    await eventually(() => app.feed.watcherCount === 1)
    expect((await watchers[0]!.next()).value).toMatchObject({ status: 'FAILED' })
    expect(await watchers[0]!.next()).toMatchObject({ done: true })
  })
})
