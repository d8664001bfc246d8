import { describe, expect } from 'vitest'
import { LOCAL_OPERATOR } from '../../../src/domain/caller.ts'
import { DROP_REASONS } from '../../../src/feed/watch-tally.ts'
import { test } from '../../support/fixtures.ts'
import { subscribeBySse, subscribeByWebSocket } from '../../support/graphql.ts'
import { eventually, seed } from '../../support/harness.ts'
import { readNonZero, readSamples } from '../../support/metrics.ts'
import { reserveOrders } from '../../support/reserve-orders.ts'

const WATCH = 'subscription ($id: ID!) { orderStatusChanged(id: $id) { version } }'

let id: string
test.beforeEach(async ({ app }) => {
  await seed(app).item({ sku: 'A', available: 2 })
  id = (await seed(app).order({ sku: 'A' })).id
})

test('all is there from the start, with 0', async ({ app }) => {
  const samples = await readSamples(app)
  for (const transport of ['sse', 'websocket']) {
    expect(samples.get(`holdfast_order_watchers{transport="${transport}"}`)).toBe(0)
    expect(samples.get(`holdfast_watch_deliveries_total{transport="${transport}"}`)).toBe(0)
    expect(samples.get(`holdfast_watch_coalesced_total{transport="${transport}"}`)).toBe(0)
    for (const reason of DROP_REASONS) {
      const dropped = `holdfast_watch_dropped_total{transport="${transport}",reason="${reason}"}`
      expect(samples.get(dropped)).toBe(0)
    }
  }
})

describe.each([
  ['sse', subscribeBySse],
  ['websocket', subscribeByWebSocket],
])('by %s', (transport, subscribe) => {
  const labels = `{transport="${transport}"}`

  test('subscriptions are counted while they are open, and what they are handed', async ({ app, server }) => {
    const subscription = subscribe(server, WATCH, { id })
    await subscription.next()
    expect(await readNonZero(app, 'holdfast_order_watchers')).toEqual({ [labels]: 1 })
    expect(await readNonZero(app, 'holdfast_watch_deliveries_total')).toEqual({ [labels]: 1 })
    await reserveOrders(app, [id])
    await subscription.next()
    expect(await readNonZero(app, 'holdfast_watch_deliveries_total')).toEqual({ [labels]: 2 })
    subscription.leave()
    await eventually(async () => Object.keys(await readNonZero(app, 'holdfast_order_watchers')).length === 0)
    // whoever leaves is not dropped, and a scrape counts nothing twice
    expect(await readNonZero(app, 'holdfast_watch_dropped_total')).toEqual({})
    expect(await readNonZero(app, 'holdfast_watch_deliveries_total')).toEqual({ [labels]: 2 })
    expect(await readNonZero(app, 'holdfast_watch_coalesced_total')).toEqual({})
  })

  test('those that a process drops as it stops are counted', async ({ app, server }) => {
    const subscription = subscribe(server, WATCH, { id })
    await subscription.next()
    app.feed.failViews()
    if (transport === 'sse') await expect(subscription.next()).rejects.toThrow('broke off')
    else expect((await subscription.next())?.errors?.[0]?.extensions?.code).toBe('UNAVAILABLE')
    expect(await readNonZero(app, 'holdfast_watch_dropped_total')).toEqual({
      [`{transport="${transport}",reason="going-away"}`]: 1,
    })
  })
})

test('those whose token expires are counted by that', async ({ app }) => {
  const caller = { ...LOCAL_OPERATOR, expiresAt: new Date(Date.now() + 300) }
  const watcher = await app.feed.watch(caller, id, 1, 'sse')
  await expect(watcher.next()).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
  expect(await readNonZero(app, 'holdfast_watch_dropped_total')).toEqual({
    '{transport="sse",reason="token-expired"}': 1,
  })
  expect(await readNonZero(app, 'holdfast_order_watchers')).toEqual({})
})

test('a view that a bug ends is not taken for one that its caller may not see', async ({ app }) => {
  const watcher = await app.feed.watch(LOCAL_OPERATOR, id, 1, 'sse')
  watcher.fail(new Error('a bug'))
  await expect(watcher.next()).rejects.toThrow('a bug')
  expect(await readNonZero(app, 'holdfast_watch_dropped_total')).toEqual({
    '{transport="sse",reason="error"}': 1,
  })
})

test('a client that is cut off is counted by why, and one that leaves is not', async ({ app }) => {
  const cutOff = new AbortController()
  const leaving = new AbortController()
  const watchers = await Promise.all(
    [cutOff, leaving].map(({ signal }) => app.feed.watch(LOCAL_OPERATOR, id, 1, 'sse', signal)),
  )
  cutOff.abort('slow-client')
  leaving.abort()
  for (const watcher of watchers) expect(await watcher.next()).toEqual({ done: true, value: undefined })
  // it had hung up before its view began
  const late = await app.feed.watch(LOCAL_OPERATOR, id, 0, 'sse', leaving.signal)
  expect(await late.next()).toEqual({ done: true, value: undefined })
  expect(await readNonZero(app, 'holdfast_watch_dropped_total')).toEqual({
    '{transport="sse",reason="slow-client"}': 1,
  })
  expect(await readNonZero(app, 'holdfast_order_watchers')).toEqual({})
})

test('what a slow client never sees is counted, and a view that stays in the process is not', async ({
  app,
}) => {
  const slow = await app.feed.watch(LOCAL_OPERATOR, id, 0, 'websocket')
  const inside = await app.feed.watch(LOCAL_OPERATOR, id, 0)
  await reserveOrders(app, [id])
  expect((await slow.next()).value?.version).toBe(2)
  expect((await inside.next()).value?.version).toBe(2)
  expect(await readNonZero(app, 'holdfast_watch_coalesced_total')).toEqual({ '{transport="websocket"}': 1 })
  expect(await readNonZero(app, 'holdfast_watch_deliveries_total')).toEqual({ '{transport="websocket"}': 1 })
  await Promise.all([slow.return(), inside.return()])
})
