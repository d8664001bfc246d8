import { once } from 'node:events'
import { describe, expect, onTestFinished, vi } from 'vitest'
import { LOCAL_OPERATOR } from '../../../src/domain/caller.ts'
import { serveWaiting } from '../../../src/use-cases/orders/serve-waiting.ts'
import { test } from '../../support/fixtures.ts'
import { serveApp, subscribeBySse, subscribeByWebSocket } from '../../support/graphql.ts'
import { eventually, joinTestApp, seed } from '../../support/harness.ts'
import { rawCall } from '../../support/raw-call.ts'
import { reserveOrders } from '../../support/reserve-orders.ts'
import { CHANGES, openStream } from '../../support/stock-stream.ts'

describe('the stream', () => {
  test('delivers each change as an event with its cursor', async ({ app, server }) => {
    await seed(app).item({ sku: 'A', available: 10 })
    const { answer, read, seen } = await openStream(server)
    expect(answer.statusCode).toBe(200)
    expect(answer.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    })
    await seed(app).stock({ sku: 'A', qty: -10 })
    const [event] = await seen(1)
    expect(event).toEqual({
      id: event!.cursor,
      cursor: expect.any(String),
      movement: {
        id: '2',
        sku: 'A',
        location: 'MAIN',
        type: 'ADJUSTMENT',
        delta: -10,
        reserved_delta: 0,
        available_after: 0,
        reserved_after: 0,
        order_id: null,
        order_version: null,
        shipment_id: null,
        reason: 'seed',
        reference: null,
        actor: LOCAL_OPERATOR.id,
        created_at: expect.any(String),
      },
      is_repeat: false,
      available_to_promise: 0,
      crossed: ['OUT'],
    })
    expect(read()).toMatch(/^:\n\nid: .*\ndata: .*\n\n$/)
  })

  test('says of a movement that comes again that it does, by every API', async ({ app, server }) => {
    await seed(app).item({ sku: 'A', available: 1 })
    const { id } = await seed(app).order({ sku: 'A', qty: 4, ifShort: 'WAIT' })
    await reserveOrders(app, [id])
    await seed(app).stock({ sku: 'A', qty: -1 })
    const rest = await openStream(server)
    const query = 'subscription { inventoryChanged { isRepeat crossed movement { id delta } } }'
    const subscription = subscribeBySse(server, query)
    onTestFinished(subscription.leave)
    const first = subscription.next()
    await eventually(() => app.stockFeed.watcherCount === 2)
    await seed(app).stock({ sku: 'A', qty: 2 })
    await rest.seen(1)
    await serveWaiting(app, { sku: 'A' })
    const events = await rest.seen(2)
    expect(events.map((event) => [event.movement.delta, event.is_repeat])).toEqual([
      [2, false],
      [2, true],
    ])
    const told = [await first, await subscription.next()].map((answer) => answer!.data.inventoryChanged)
    expect(told).toEqual([
      { isRepeat: false, crossed: [], movement: { id: expect.any(String), delta: 2 } },
      { isRepeat: true, crossed: ['BACK'], movement: { id: told[0].movement.id, delta: 2 } },
    ])
  })

  test('reads nothing more for what a GraphQL client asks of a change', async ({ app, server }) => {
    await seed(app).item({ sku: 'A', available: 10 })
    const subscription = subscribeBySse(
      server,
      'subscription { inventoryChanged { crossed movement { sku delta onHandAfter location { code name } } } }',
    )
    onTestFinished(subscription.leave)
    const first = subscription.next()
    await eventually(() => app.stockFeed.watcherCount === 1)
    await seed(app).stock({ sku: 'A', qty: 1 })
    await first
    const asked = vi.spyOn(app.pool, 'query')
    onTestFinished(() => asked.mockRestore())
    await seed(app).stock({ sku: 'A', qty: 2 })
    expect((await subscription.next())!.data.inventoryChanged.movement.location.code).toBe('MAIN')
    const texts = asked.mock.calls.map(([query]) => (query as unknown as { text: string }).text)
    // in capitals: Prisma's
    expect(texts.filter((text) => text.startsWith('SELECT'))).toEqual([])
  })

  test('resumes after Last-Event-ID, which goes before `after`', async ({ app, server }) => {
    await seed(app).item({ sku: 'A', available: 10 })
    const first = await openStream(server)
    for (const qty of [1, 2, 3]) await seed(app).stock({ sku: 'A', qty })
    const [one, two] = await first.seen(3)
    const deltas = async (path: string, count: number, headers = {}) =>
      (await (await openStream(server, path, headers)).seen(count)).map(({ movement }) => movement.delta)
    expect(await deltas(`${CHANGES}?after=${one!.id}`, 2)).toEqual([2, 3])
    expect(await deltas(CHANGES, 2, { 'last-event-id': one!.id })).toEqual([2, 3])
    expect(await deltas(`${CHANGES}?after=${one!.id}`, 1, { 'last-event-id': two!.id })).toEqual([3])
    expect(await deltas(`${CHANGES}?after=${one!.id}`, 2, { 'last-event-id': '' })).toEqual([2, 3])
  })

  test('is of the SKUs and locations that are asked for, one or several', async ({ app, server }) => {
    await seed(app).location('WEST')
    for (const sku of ['A', 'B', 'C']) await seed(app).item({ sku, available: 10 })
    const one = await openStream(server, `${CHANGES}?sku=B`)
    const several = await openStream(server, `${CHANGES}?sku=A&sku=C&location=WEST`)
    for (const sku of ['A', 'B', 'C']) {
      await seed(app).stock({ sku })
      await seed(app).stock({ sku, location: 'WEST' })
    }
    const told = async (stream: typeof one) =>
      (await stream.seen(2)).map(({ movement }) => `${movement.sku} ${movement.location}`)
    expect(await told(one)).toEqual(['B MAIN', 'B WEST'])
    expect(await told(several)).toEqual(['A WEST', 'C WEST'])
  })

  test('has the same cursors by REST, by server-sent events and by WebSocket', async ({ app, server }) => {
    await seed(app).item({ sku: 'A', available: 10 })
    const rest = await openStream(server)
    await seed(app).stock({ sku: 'A', qty: 1 })
    const [{ id: after }] = (await rest.seen(1)) as [{ id: string }]
    const query = `subscription ($after: String) { inventoryChanged(after: $after) {
      cursor availableToPromise crossed movement { delta location { code } onHandAfter order { id } }
    } }`
    for (const subscribe of [subscribeBySse, subscribeByWebSocket]) {
      const subscription = subscribe(server, query, { after })
      onTestFinished(subscription.leave)
      await seed(app).stock({ sku: 'A', qty: 2 })
      const { data, errors } = (await subscription.next())!
      expect(errors).toBeUndefined()
      expect(data.inventoryChanged).toMatchObject({
        crossed: [],
        movement: { delta: 2, location: { code: 'MAIN' }, order: null },
      })
      expect(data.inventoryChanged.cursor).toBe((await rest.seen(2))[1]!.id)
    }
    const path = `/graphql?query=${encodeURIComponent('subscription { inventoryChanged { crossed } }')}`
    const resumed = await openStream(server, path, { 'last-event-id': after })
    expect((await resumed.seen(2)).map(({ id }) => id)).toEqual(
      (await rest.seen(3)).slice(1).map(({ id }) => id),
    )
  })

  test('begins, with pings, while a transaction that moves stock is open from before', async ({
    app,
    testApp,
  }) => {
    const client = await app.pool.connect()
    await client.query('begin; lock table inventory_movements in row exclusive mode')
    const other = await joinTestApp(testApp)
    const server = await serveApp(other)
    const { answer, read } = await openStream(server)
    expect(answer.statusCode).toBe(200)
    await eventually(() => read() === ':\n\n')
    await client.query('rollback')
    client.release()
    await server.close()
    await other.close()
  })

  test('tells of each change without reading anything for it: while the database is away none is left out', async ({
    app,
    server,
  }) => {
    await seed(app).item({ sku: 'A', available: 10 })
    const models: PropertyKey[] = []
    const { prisma } = app
    const watched = new Proxy(prisma, {
      get: (client, name) => {
        models.push(name)
        return Reflect.get(client, name)
      },
    })
    Object.defineProperty(app, 'prisma', { value: watched })
    const told = `{ movement { id sku reservedAfter onHandAfter location { id code name priority isActive isDefault } } }`
    const stream = subscribeBySse(server, `subscription { inventoryChanged ${told} }`)
    await eventually(() => app.stockFeed.watcherCount === 1)
    await seed(app).stock({ sku: 'A', qty: 5 })
    const location = { code: 'MAIN', name: 'Main', priority: 100, isActive: true, isDefault: true }
    expect(await stream.next()).toMatchObject({
      data: { inventoryChanged: { movement: { id: '2', sku: 'A', onHandAfter: 15, location } } },
    })
    stream.leave()
    expect(models).toEqual([])
  })

  test('of a HEAD request is its headers', async ({ app, server }) => {
    const answer = await rawCall(server.url + CHANGES, { method: 'HEAD' })
    expect(answer).toMatchObject({ status: 200, text: '' })
    expect(app.stockFeed.watcherCount).toBe(0)
  })

  test('ends when the server goes away, and a client that comes back misses nothing', async ({
    testApp,
    app,
  }) => {
    await seed(app).item({ sku: 'A', available: 10 })
    const server = await serveApp(testApp)
    const stream = await openStream(server)
    const ended = once(stream.answer, 'end')
    await seed(app).stock({ sku: 'A', qty: 1 })
    await stream.seen(1)
    await server.close()
    await ended
    expect(stream.answer.complete).toBe(true)
  })

  test('of a client that has left is forgotten', async ({ app, server }) => {
    const { answer } = await openStream(server)
    expect(app.stockFeed.watcherCount).toBe(1)
    answer.destroy()
    await eventually(() => app.stockFeed.watcherCount === 0)
  })
})

test('what is asked for wrongly is refused, by every API in its own words', async ({ app, server }) => {
  await seed(app).item({ sku: 'A', available: 10 })
  const refused = [
    ['?after=nonsense', 'after: "nonsense"', 422, 'INVALID_CURSOR', 'BAD_USER_INPUT'],
    ['?sku=GONE', 'skus: ["GONE"]', 404, 'NOT_FOUND', 'NOT_FOUND'],
    ['?sku=A&sku=a%20b', 'skus: ["A", "a b"]', 404, 'NOT_FOUND', 'NOT_FOUND'],
    ['?location=NOWHERE', 'locations: ["NOWHERE"]', 404, 'NOT_FOUND', 'NOT_FOUND'],
  ] as const
  for (const [query, argument, status, problem, code] of refused) {
    const answer = await fetch(server.url + CHANGES + query)
    expect(answer.status).toBe(status)
    expect(await answer.json()).toMatchObject({ code: problem })
    const asked = subscribeByWebSocket(server, `subscription { inventoryChanged(${argument}) { cursor } }`)
    expect((await asked.next())!.errors).toMatchObject([{ extensions: { code } }])
    asked.leave()
  }
  const unknown = await fetch(`${server.url + CHANGES}?skus=A`)
  expect(unknown.status).toBe(400)
  expect(await unknown.json()).toMatchObject({ errors: [{ detail: 'This call has no "skus"' }] })
  const lost = await fetch(server.url + CHANGES, { headers: { 'last-event-id': 'nonsense' } })
  expect(lost.status).toBe(422)
  expect(app.stockFeed.watcherCount).toBe(0)
})
