import { once } from 'node:events'
import { connect } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import { cancelOrder } from '../../src/use-cases/orders/verbs/cancel-order.ts'
import { shipOrder } from '../../src/use-cases/orders/verbs/ship-order.ts'
import { undoShipment } from '../../src/use-cases/orders/verbs/undo-shipment.ts'
import {
  type Answer,
  codesOf,
  connectByWebSocket,
  type Subscription,
  serveTestApp,
  subscribeBySse,
  subscribeByWebSocket,
  type TestServer,
} from '../support/graphql.ts'
import { eventually, joinTestApp, listen, seed } from '../support/harness.ts'
import { reserveOrders } from '../support/reserve-orders.ts'

const WATCH = `subscription ($id: ID!, $afterVersion: Int) {
  orderStatusChanged(id: $id, afterVersion: $afterVersion) {
    id status failureReason version
    inventoryItem { available reserved }
    events { type version }
    movements { delta }
  }
}`

let server: TestServer
let subscriptions: Subscription[] = []
beforeAll(async () => {
  server = await serveTestApp()
  await seed(server.app).item({ sku: 'PLENTY', available: 1_000_000 })
  await seed(server.app).item({ sku: 'NONE' })
})
afterEach(async () => {
  for (const subscription of subscriptions) subscription.leave()
  subscriptions = []
  await eventually(() => server.app.feed.watcherCount === 0)
})
afterAll(() => server.close())

async function seedOrder(sku = 'PLENTY'): Promise<string> {
  return (await seed(server.app).order({ sku, qty: 2 })).id
}

/** Has an order of what there is none of go to its supplier, who refuses it: FAILED at version 3. */
async function refuse(id: string): Promise<void> {
  await reserveOrders(server.app, [id])
  await server.app.groups.settleSupplierOutcome.submit({
    orderId: id,
    sku: 'NONE',
    step: 1,
    outcome: { kind: 'refused' },
  })
}

const changed = (answer: Answer | undefined) => answer?.data?.orderStatusChanged
const isWatched = (count = 1) => eventually(() => server.app.feed.watcherCount === count)

describe.each([
  ['SSE', subscribeBySse],
  ['WebSocket', subscribeByWebSocket],
])('orderStatusChanged by %s', (name, transport) => {
  const subscribe = (variables: object, to: { url: string } = server) => {
    const subscription = transport(to, WATCH, variables)
    subscriptions.push(subscription)
    return subscription
  }

  it('shows the order as it stands and then what becomes of it, each time with all that belongs to it', async () => {
    const sku = `NONE-${name}`
    await seed(server.app).item({ sku })
    const id = await seedOrder(sku)
    const subscription = subscribe({ id })
    expect(changed(await subscription.next())).toEqual({
      id,
      status: 'PENDING',
      failureReason: null,
      version: 1,
      inventoryItem: { available: 0, reserved: 0 },
      events: [{ type: 'OrderCreated', version: 1 }],
      movements: [],
    })
    await reserveOrders(server.app, [id])
    expect(changed(await subscription.next())).toMatchObject({ status: 'AWAITING_RESTOCK', version: 2 })
    await server.app.groups.settleSupplierOutcome.submit({
      orderId: id,
      sku,
      step: 1,
      outcome: { kind: 'ok' },
    })
    expect(changed(await subscription.next())).toMatchObject({
      status: 'RESERVED',
      version: 3,
      inventoryItem: { available: 0, reserved: 2 },
      events: [{ version: 1 }, { version: 2 }, { version: 3 }],
      movements: [{ delta: 2 }, { delta: -2 }],
    })
  })

  it('starts with the newest for one who comes late', async () => {
    const id = await seedOrder()
    await reserveOrders(server.app, [id])
    expect(changed(await subscribe({ id }).next())).toMatchObject({ status: 'RESERVED', version: 2 })
  })

  it('shows nothing that the client has seen', async () => {
    const id = await seedOrder()
    const subscription = subscribe({ id, afterVersion: 1 })
    await isWatched()
    await reserveOrders(server.app, [id])
    expect(changed(await subscription.next())).toMatchObject({ version: 2 })
  })

  it.each([null, 0, -5])('shows the order as it stands after version %j', async (afterVersion) => {
    const id = await seedOrder()
    expect(changed(await subscribe({ id, afterVersion }).next())).toMatchObject({ version: 1 })
  })

  it('completes once the order has failed', async () => {
    const id = await seedOrder('NONE')
    const subscription = subscribe({ id, afterVersion: 2 })
    await isWatched()
    await refuse(id)
    expect(changed(await subscription.next())).toMatchObject({
      status: 'FAILED',
      failureReason: 'SUPPLIER_REFUSED',
      version: 3,
    })
    expect(await subscription.next()).toBeUndefined()
  })

  it.each([undefined, 3, 1_000])(
    'completes for an order that has failed, after version %j',
    async (afterVersion) => {
      const id = await seedOrder('NONE')
      await refuse(id)
      const subscription = subscribe({ id, afterVersion })
      if (afterVersion === undefined) expect(changed(await subscription.next())).toMatchObject({ version: 3 })
      expect(await subscription.next()).toBeUndefined()
    },
  )

  it('completes once the order has failed for a client that claims to have seen more', async () => {
    const id = await seedOrder('NONE')
    const subscription = subscribe({ id, afterVersion: 1_000 })
    await isWatched()
    await refuse(id)
    expect(await subscription.next()).toBeUndefined()
  })

  it('stays open when the order is reserved and shipped, and completes once it is cancelled', async () => {
    const id = await seedOrder()
    const subscription = subscribe({ id })
    await subscription.next()
    await reserveOrders(server.app, [id])
    expect(changed(await subscription.next())).toMatchObject({ status: 'RESERVED' })
    const { shipments } = await shipOrder(server.app, LOCAL_OPERATOR, { id })
    expect(changed(await subscription.next())).toMatchObject({ status: 'SHIPPED', version: 3 })
    await undoShipment(server.app, LOCAL_OPERATOR, { id: shipments[0]!.id })
    expect(changed(await subscription.next())).toMatchObject({ status: 'RESERVED', version: 4 })
    await cancelOrder(server.app, LOCAL_OPERATOR, { id })
    expect(changed(await subscription.next())).toMatchObject({ status: 'CANCELLED', version: 5 })
    expect(await subscription.next()).toBeUndefined()
  })

  it.each(['01890a5d-ac96-774b-bcce-b302099a8057', '1', '', '\u0000', "' or 1=1 --"])(
    'answers NOT_FOUND, and no more, for the id %j',
    async (id) => {
      const subscription = subscribe({ id })
      const answer = await subscription.next()
      expect(codesOf(answer!)).toEqual(['NOT_FOUND'])
      expect(answer!.errors![0]!.message).toMatch(/^There is no order/)
      expect(answer!.data ?? null).toBeNull()
      expect(await subscription.next()).toBeUndefined()
    },
  )

  it.each([{}, { id: null }, { id: '1', afterVersion: 1.5 }, { id: '1', afterVersion: 'x' }])(
    'refuses the arguments %j',
    async (variables) => {
      const subscription = subscribe(variables)
      expect((await subscription.next())?.errors).toHaveLength(1)
      expect(await subscription.next()).toBeUndefined()
    },
  )

  it('tells of a change that another server made', async () => {
    const id = await seedOrder()
    const other = await joinTestApp(server.testApp)
    const { http, url } = await listen(other)
    const subscription = subscribe({ id }, { url })
    expect(changed(await subscription.next())).toMatchObject({ version: 1 })
    await reserveOrders(server.app, [id])
    expect(changed(await subscription.next())).toMatchObject({ status: 'RESERVED', version: 2 })
    await http.close()
    await other.close()
  })

  it('says that more may follow elsewhere when its server goes away', async () => {
    const id = await seedOrder()
    const other = await joinTestApp(server.testApp)
    const { http, url } = await listen(other)
    const subscription = subscribe({ id }, { url })
    await subscription.next()
    await http.close()
    const last = await subscription.next().catch((closed) => closed)
    if (name === 'SSE') expect(last).toMatchObject({ message: 'the stream broke off before it was complete' })
    else expect(last).toMatchObject({ code: 1001 })
    await other.close()
  })

  it('forgets a client that leaves, before its first event or after', async () => {
    const id = await seedOrder()
    const early = subscribe({ id, afterVersion: 1 })
    const late = subscribe({ id })
    await late.next()
    await isWatched(2)
    early.leave()
    late.leave()
    await isWatched(0)
  })

  it('forgets 100 clients that come and leave at once', async () => {
    const ids = await Promise.all(Array.from({ length: 10 }, () => seedOrder()))
    for (let round = 0; round < 10; round++) {
      const all = ids.map((id) => subscribe({ id }))
      if (round % 2 === 0) await Promise.all(all.map((one) => one.next()))
      for (const one of all) one.leave()
    }
    await isWatched(0)
    expect(changed(await subscribe({ id: ids[0] }).next())).toMatchObject({ version: 1 })
  })
})

describe('a connection', () => {
  it('over WebSocket carries 1,000 subscriptions that come and go, and leaves none behind', async () => {
    const ids = await Promise.all(Array.from({ length: 10 }, () => seedOrder()))
    const client = connectByWebSocket(server)
    for (let round = 0; round < 100; round++) {
      const all = ids.map((id) => client.subscribe(WATCH, { id }))
      if (round % 2 === 0) await Promise.all(all.map((one) => one.next()))
      for (const one of all) one.leave()
    }
    expect(changed(await client.subscribe(WATCH, { id: ids[0] }).next())).toMatchObject({ version: 1 })
    await isWatched(1)
    await client.dispose()
    await isWatched(0)
  })

  it.each(['dispose', 'terminate'] as const)(
    'over WebSocket that ends by %s ends what it carried',
    async (way) => {
      const client = connectByWebSocket(server)
      for (let count = 0; count < 5; count++) {
        const subscription = client.subscribe(WATCH, { id: await seedOrder() })
        await subscription.next()
      }
      await isWatched(5)
      await client[way]()
      await isWatched(0)
    },
  )

  it.each(['server-sent events', 'WebSocket'])(
    'for %s that is reset ends what it carried',
    async (transport) => {
      const id = await seedOrder()
      const socket = connect(Number(new URL(server.url).port), '127.0.0.1')
      await once(socket, 'connect')
      if (transport === 'WebSocket') await openWebSocket(socket, id)
      else socket.write(eventStreamRequest(id))
      await isWatched(1)
      socket.resetAndDestroy()
      await isWatched(0)
    },
  )
})

it('answers a query by a stream that is asked for one', async () => {
  const subscription = subscribeBySse(server, '{ inventoryItem(sku: "NONE") { sku } }')
  expect(await subscription.next()).toEqual({ data: { inventoryItem: { sku: 'NONE' } } })
  expect(await subscription.next()).toBeUndefined()
})

function eventStreamRequest(id: string): string {
  const body = JSON.stringify({ query: WATCH, variables: { id } })
  return [
    'POST /graphql HTTP/1.1',
    'Host: localhost',
    'Accept: text/event-stream',
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
    '',
    body,
  ].join('\r\n')
}

/** The least that a WebSocket client sends: its frames masked by zeros. */
async function openWebSocket(socket: ReturnType<typeof connect>, id: string): Promise<void> {
  const frame = (message: object) => {
    const text = JSON.stringify(message)
    return Buffer.concat([
      Buffer.from([0x81, 0xfe, text.length >> 8, text.length & 255, 0, 0, 0, 0]),
      Buffer.from(text),
    ])
  }
  socket.write(
    'GET /graphql HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n',
  )
  await once(socket, 'data')
  socket.write(frame({ type: 'connection_init', payload: { long: 'x'.repeat(126) } }))
  await once(socket, 'data')
  socket.write(frame({ id: '1', type: 'subscribe', payload: { query: WATCH, variables: { id } } }))
}
