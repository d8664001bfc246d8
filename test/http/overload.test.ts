import { once } from 'node:events'
import { request } from 'node:http'
import { connect } from 'node:net'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { CALLS_UNDER_WAY_MAX } from '../../src/limits.ts'
import { codesOf, connectByWebSocket, subscribeBySse } from '../support/graphql.ts'
import { createTestApp, eventually, listen, seed, type TestApp } from '../support/harness.ts'

const ORDER = 'mutation { createOrder(input: { sku: "BOLT", qty: 1 }) { order { id } } }'
const ITEM = '{ inventoryItem(sku: "BOLT") { sku } }'

let testApp: TestApp
beforeEach(async () => {
  testApp = await createTestApp()
  await seed(testApp.app).item({ sku: 'BOLT', available: 1_000 })
})
afterEach(() => testApp.close())

async function serve(): Promise<string> {
  const server = await listen(testApp)
  onTestFinished(() => server.http.close())
  return server.url
}

async function post(url: string, path: string, body: object, accept = 'application/json') {
  const response = await fetch(url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept },
    body: JSON.stringify(body),
  })
  return { status: response.status, headers: response.headers, body: await response.json() }
}
const postOrder = (url: string) => post(url, '/graphql', { query: ORDER })
const postRest = (url: string) => post(url, '/api/order', { sku: 'BOLT', qty: 1 })

type Answer = Awaited<ReturnType<typeof post>>

function expectRefused({ status, headers, body }: Answer): void {
  expect(status).toBe(503)
  expect(headers.get('retry-after')).toBe('1')
  expect(body.code ?? body.errors[0].extensions.code).toBe('UNAVAILABLE')
}

async function countOrders(): Promise<number> {
  const { rows } = await testApp.app.pool.query('select count(*)::int as count from orders')
  return rows[0].count
}

describe('a commit that hangs', () => {
  test('has orders refused at once, loses none that it took, keeps reads going, and is forgotten once it is through', async () => {
    const url = await serve()
    const before = await countOrders()
    const blocker = new pg.Client({ connectionString: testApp.databaseUrl })
    await blocker.connect()
    await blocker.query('begin; lock table orders')
    const taken: Promise<Answer>[] = []
    for (const send of [postOrder, postRest]) {
      await eventually(async () => {
        const answer = send(url)
        const settled = await Promise.race([answer, new Promise((resolve) => setTimeout(resolve, 20))])
        if (settled) return true
        taken.push(answer)
        return false
      })
    }
    for (let times = 0; times < 20; times++) {
      expectRefused(await postOrder(url))
      expectRefused(await postRest(url))
    }
    const asResponse = await post(url, '/graphql', { query: ORDER }, 'application/graphql-response+json')
    expectRefused(asResponse)
    expect(asResponse.headers.get('content-type')).toMatch('application/graphql-response+json')
    const streamed = await subscribeBySse({ url }, ORDER).next()
    expect(codesOf(streamed!)).toEqual(['UNAVAILABLE'])
    expect((await post(url, '/graphql', { query: ITEM })).body.data.inventoryItem.sku).toBe('BOLT')
    expect((await fetch(`${url}/health/live`)).status).toBe(200)

    await blocker.query('rollback')
    await blocker.end()
    const answers = await Promise.all(taken)
    const accepted = answers.filter(({ status }) => status < 300)
    // a refusal may have been slow to arrive
    for (const answer of answers) if (!accepted.includes(answer)) expectRefused(answer)
    expect(accepted.length).toBeGreaterThan(0)
    expect((await postRest(url)).status).toBe(201)
    expect((await postOrder(url)).status).toBe(200)
    // what was refused left nothing
    expect(await countOrders()).toBe(before + accepted.length + 2)
  })
})

describe('more calls under way than the limit', () => {
  const HELD = '{ inventoryItems(first: 1) { edges { node { sku } } } }'

  test('have every call refused but those for health, on every transport, for as long as it lasts', async () => {
    const url = await serve()
    const client = connectByWebSocket({ url })
    onTestFinished(async () => client.dispose())
    // a view keeps the connection open
    const { id } = await seed(testApp.app).order({ sku: 'BOLT' })
    const watch = client.subscribe('subscription ($id: ID!) { orderStatusChanged(id: $id) { id } }', { id })
    await watch.next()

    const blocker = new pg.Client({ connectionString: testApp.databaseUrl })
    await blocker.connect()
    await blocker.query('begin; lock table inventory_items')
    const held = Array.from({ length: CALLS_UNDER_WAY_MAX }, () => post(url, '/graphql', { query: HELD }))
    await eventually(async () => (await fetch(`${url}/graphql?query={__typename}`)).status === 503)
    expectRefused(await postOrder(url))
    expectRefused(await postRest(url))
    expectRefused(await post(url, '/graphql', { query: ITEM }, 'text/event-stream'))
    const get = await fetch(`${url}/graphql?query=${encodeURIComponent(ITEM)}`)
    expectRefused({ status: get.status, headers: get.headers, body: await get.json() })
    expect(codesOf((await client.subscribe(ITEM).next())!)).toEqual(['UNAVAILABLE'])
    const upgrade = { connection: 'Upgrade', upgrade: 'websocket' }
    const refused = request(`${url}/graphql`, { headers: upgrade }).end()
    const [response] = await once(refused, 'response')
    expect(response).toMatchObject({ statusCode: 503, headers: { 'retry-after': '1' } })
    expect((await fetch(`${url}/health/live`)).status).toBe(200)
    expect((await fetch(`${url}/metrics`)).status).toBe(200)

    await blocker.query('rollback')
    await blocker.end()
    // what was taken is answered
    for (const { status, body } of await Promise.all(held)) {
      expect({ status, errors: body.errors }).toEqual({ status: 200, errors: undefined })
    }
    expect((await postRest(url)).status).toBe(201)
    expect((await client.subscribe(ITEM).next())?.data).toBeDefined()
    watch.leave()
  })

  test('are not those of clients that have yet to send their bodies, nor of those that have gone', async () => {
    const url = await serve()
    const { port } = new URL(url)
    const head =
      'POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n'
    const slow = Array.from({ length: CALLS_UNDER_WAY_MAX + 10 }, () => {
      const socket = connect(Number(port), '127.0.0.1').on('error', () => {})
      socket.write(head)
      return socket
    })
    await Promise.all(slow.map((socket) => socket.connecting && once(socket, 'connect')))
    expect((await postOrder(url)).status).toBe(200)

    const blocker = new pg.Client({ connectionString: testApp.databaseUrl })
    await blocker.connect()
    await blocker.query('begin; lock table inventory_items')
    const body = JSON.stringify({ query: HELD }).padEnd(99)
    for (const socket of slow) socket.write(body)
    await eventually(async () => (await fetch(`${url}/graphql?query={__typename}`)).status === 503)
    for (const socket of slow) socket.destroy()
    await eventually(async () => (await fetch(`${url}/graphql?query={__typename}`)).status === 200)
    await blocker.query('rollback')
    await blocker.end()
  })
})
