import { once } from 'node:events'
import { connect } from 'node:net'
import { expect } from 'vitest'
import WebSocket from 'ws'
import { failOrder } from '../support/fail-order.ts'
import { sharedTest as it } from '../support/fixtures.ts'
import { codesOf, connectByWebSocket, execute, type TestServer } from '../support/graphql.ts'
import { seed } from '../support/harness.ts'

const QUERY = '{ inventoryItem(sku: "BOLT") { available } }'
const MUTATION =
  'mutation { adjustInventory(input: { sku: "BOLT", delta: 1, reason: "x" }) { movement { id } } }'

it.beforeAll(async ({ app }) => {
  await seed(app).item({ sku: 'BOLT', available: 10 })
})

async function available(server: TestServer): Promise<number> {
  return (await execute(server, QUERY)).data.inventoryItem.available
}

it('answers a query, and refuses a mutation', async ({ server }) => {
  const before = await available(server)
  const client = connectByWebSocket(server)
  const refused = await client.subscribe(MUTATION).next()
  expect(refused).toEqual({
    errors: [expect.objectContaining({ message: expect.stringMatching(/mutation/) })],
  })
  expect(await client.subscribe(QUERY).next()).toEqual({ data: { inventoryItem: { available: before } } })
  await client.dispose()
})

it.for(['{ orders(', '{ nope }', ''])(
  'refuses the document %j and goes on with the others',
  async (query, { app, server }) => {
    const { id } = await seed(app).order({ sku: 'BOLT' })
    const client = connectByWebSocket(server)
    const watch = client.subscribe('subscription ($id: ID!) { orderStatusChanged(id: $id) { version } }', {
      id,
    })
    expect((await watch.next())?.data.orderStatusChanged.version).toBe(1)
    const refused = await client.subscribe(query).next()
    expect(refused?.errors).toHaveLength(1)
    expect(codesOf(refused!)[0]).toMatch(/^GRAPHQL_/)
    await failOrder(app, id)
    expect((await watch.next())?.data.orderStatusChanged.version).toBe(2)
    expect(await watch.next()).toBeUndefined()
    await client.dispose()
  },
)

it('closes a connection that sends more than 100 kB at once', async ({ server }) => {
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws')
  await once(socket, 'open')
  socket.send(JSON.stringify({ type: 'connection_init', payload: { x: 'x'.repeat(100_001) } }))
  expect((await once(socket, 'close'))[0]).toBe(1009)
})

it.for<[string, boolean]>([
  ['http://evil.test', false],
  ['null', false],
  ['', false],
  ['its own', true],
])('for the page %s: connects %s', async ([page, connects], { server }) => {
  const origin = page === 'its own' ? server.url : page
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', {
    headers: { origin },
  })
  const outcome = await new Promise((resolve) => {
    socket.once('open', () => resolve(true))
    socket.once('error', () => resolve(false))
  })
  expect(outcome).toBe(connects)
  socket.terminate()
})

it.for(['//', '/other', 'http://[', '*'])(
  'refuses an upgrade of %j, and survives who hangs up on it',
  async (path, { server }) => {
    const head = `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`
    const polite = connect(Number(new URL(server.url).port), '127.0.0.1')
    polite.write(head)
    const [answer] = await once(polite, 'data')
    expect(String(answer)).toMatch(/^HTTP\/1\.1 40[04] /)
    polite.destroy()
    for (let times = 0; times < 20; times++) {
      const rude = connect(Number(new URL(server.url).port), '127.0.0.1')
      await once(rude, 'connect')
      rude.write(head, () => rude.resetAndDestroy())
      await once(rude, 'close')
    }
    expect(await available(server)).toBeGreaterThan(0)
  },
)
