import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { createHttpServer } from '../../src/http/http-server.ts'
import { CALLS_UNDER_WAY_MAX, IDLE_TIMEOUT_MS, KEEP_ALIVE_TIMEOUT_MS } from '../../src/limits.ts'
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

const UNKNOWN = '019a2f6e-7c1b-7d3a-9e42-5b8f0c6d1e2a'

describe('more calls under way than the limit', () => {
  const HELD = '{ inventoryItems(first: 1) { edges { node { sku } } } }'

  /** Has every read of items wait, until it is called. */
  async function holdItems(): Promise<() => Promise<void>> {
    const blocker = new pg.Client({ connectionString: testApp.databaseUrl })
    // hundreds of calls take their time on a busy machine: the first are not to give up meanwhile
    testApp.app.pool.options.connectionTimeoutMillis = 60_000
    // a test that fails leaves it to the drop of its database
    blocker.on('error', () => {})
    await blocker.connect()
    await blocker.query('begin; lock table items')
    return async () => {
      await blocker.query('rollback')
      await blocker.end()
    }
  }

  async function read(url: string, metric: string): Promise<number> {
    const text = await (await fetch(`${url}/metrics`)).text()
    return Number(
      text
        .split('\n')
        .find((line) => line.startsWith(`${metric} `))!
        .slice(metric.length),
    )
  }
  const countUnderWay = (url: string) => read(url, 'holdfast_calls_under_way')
  const countRefused = (url: string) => read(url, 'holdfast_refused_calls_total{by="calls"}')

  /** Sends an operation, and reads its answer. */
  type Ask = () => Promise<AnswerBody | undefined>
  type AnswerBody = { errors?: unknown }

  const transports: [string, (url: string) => Ask][] = [
    ['POST', (url) => async () => (await post(url, '/graphql', { query: HELD })).body],
    ['server-sent events', (url) => () => subscribeBySse({ url }, HELD).next()],
    [
      'one WebSocket',
      (url) => {
        const client = connectByWebSocket({ url })
        onTestFinished(async () => client.dispose())
        return () => client.subscribe(HELD).next()
      },
    ],
  ]

  test.each(transports)(
    'by %s have every call refused but those for health, on every transport, for as long as it lasts',
    async (_name, connectFor) => {
      const url = await serve()
      const client = connectByWebSocket({ url })
      onTestFinished(async () => client.dispose())
      // a view keeps the connection open
      const { id } = await seed(testApp.app).order({ sku: 'BOLT' })
      const watch = client.subscribe('subscription ($id: ID!) { orderStatusChanged(id: $id) { id } }', { id })
      await watch.next()

      const letGo = await holdItems()
      const held = Array.from({ length: CALLS_UNDER_WAY_MAX }, connectFor(url))
      await eventually(async () => (await countUnderWay(url)) === CALLS_UNDER_WAY_MAX)
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
      // busy, and not to be taken out
      expect((await fetch(`${url}/health/ready`)).status).toBe(200)
      expect(await countUnderWay(url)).toBe(CALLS_UNDER_WAY_MAX)
      expect(await countRefused(url)).toBe(6)

      await letGo()
      // what was taken is answered: by the database, or, where this took longer than a statement may, as away
      for (const answer of await Promise.all(held))
        expect(answer?.errors === undefined || codesOf(answer as never)[0] === 'UNAVAILABLE').toBe(true)
      expect((await postRest(url)).status).toBe(201)
      expect((await client.subscribe(ITEM).next())?.data).toBeDefined()
      await eventually(async () => (await countUnderWay(url)) === 0)
      watch.leave()
    },
  )

  test('are refused when their bodies arrive, and count on where their callers have gone', async () => {
    const url = await serve()
    const { port } = new URL(url)
    const body = JSON.stringify({ query: HELD }).padEnd(99)
    const answers: string[] = []
    const slow = Array.from({ length: CALLS_UNDER_WAY_MAX + 20 }, (_, index) => {
      const socket = connect(Number(port), '127.0.0.1').on('error', () => {})
      socket.setEncoding('latin1').on('data', (text) => {
        answers[index] = (answers[index] ?? '') + text
      })
      socket.write(
        'POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n',
      )
      return socket
    })
    await Promise.all(slow.map((socket) => socket.connecting && once(socket, 'connect')))
    // who is sending takes nobody's place
    expect((await postOrder(url)).status).toBe(200)

    const letGo = await holdItems()
    for (const socket of slow) socket.write(body)
    await eventually(() => Object.keys(answers).length === 20)
    for (const answer of Object.values(answers)) {
      expect(answer).toMatch(/^HTTP\/1.1 503 .*\r\nretry-after: 1\r\n.*"UNAVAILABLE"/is)
    }
    expect(await countUnderWay(url)).toBe(CALLS_UNDER_WAY_MAX)
    expect(await countRefused(url)).toBe(20)
    for (const socket of slow) socket.destroy()
    // their work is not less for that
    expectRefused(await postOrder(url))
    await letGo()
    await eventually(async () => (await countUnderWay(url)) === 0)
    expect((await postOrder(url)).status).toBe(200)
  })

  test.each([
    ['/api/order', '{"sku":"BOLT","qty":1}'],
    [`/api/orders/${UNKNOWN}/cancel`, '{}'],
    [`/api/shipments/${UNKNOWN}/undo`, '{}'],
  ])('of REST are refused when their bodies arrive: POST %s', async (path, body) => {
    const url = await serve()
    const { port } = new URL(url)
    const socket = connect(Number(port), '127.0.0.1').setEncoding('latin1')
    onTestFinished(async () => void socket.destroy())
    socket.write(
      `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`,
    )
    const before = await countOrders()
    const refusedBefore = await countRefused(url)
    const letGo = await holdItems()
    const held = Array.from({ length: CALLS_UNDER_WAY_MAX }, () => post(url, '/graphql', { query: HELD }))
    await eventually(async () => (await countUnderWay(url)) === CALLS_UNDER_WAY_MAX)
    socket.write(body)
    const [answer] = await once(socket, 'data')
    expect(answer).toMatch(
      /^HTTP\/1.1 503 .*\r\nretry-after: 1\r\ncontent-type: application\/problem\+json.*"UNAVAILABLE"/is,
    )
    expect(await countRefused(url)).toBe(refusedBefore + 1)
    await letGo()
    await Promise.all(held)
    expect(await countOrders()).toBe(before)
  })

  test('are not those whose callers do not read their answers; these are cut off', async () => {
    const { http, url } = await listen(testApp)
    onTestFinished(() => http.close())
    const connections: Socket[] = []
    http.server.on('connection', (socket) => connections.push(socket))
    await testApp.app.pool.query(
      `insert into items (sku, name) select 'LONG-' || n, repeat('x', 2000) from generate_series(1, 99) n`,
    )
    // 20 MB, more than the system keeps for a connection
    const fields = Array.from({ length: 100 }, (_, n) => `a${n}: inventoryItems(first: 100) { ...Names }`)
    const query = `{ ${fields.join(' ')} } fragment Names on InventoryItemConnection { edges { node { name } } }`
    const body = JSON.stringify({ query })
    const { port } = new URL(url)
    const client = connect(Number(port), '127.0.0.1').on('error', () => {})
    client.pause()
    client.write(
      `POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    )
    await eventually(() => testApp.app.calls.count === 1)
    await eventually(() => testApp.app.calls.count === 0)
    const [connection] = connections as [Socket]
    await eventually(() => connection.writableLength > 0)
    expect(connection.timeout).toBe(IDLE_TIMEOUT_MS)
    // as if that time had passed
    connection.setTimeout(100)
    await eventually(() => connection.destroyed)
    client.destroy()
  })

  test('that come while the server stops are told to leave', async () => {
    const http = await createHttpServer(testApp.app, {
      servesApis: true,
      simulatesSupplier: false,
      readinessChecks: {},
      leaveTimeoutMs: 5_000,
      corsOrigins: [],
      explorer: true,
    })
    const url = await http.listen({ host: '127.0.0.1', port: 0 })
    const letGo = await holdItems()
    const held = Array.from({ length: CALLS_UNDER_WAY_MAX }, () => post(url, '/graphql', { query: HELD }))
    await eventually(() => testApp.app.calls.count === CALLS_UNDER_WAY_MAX)
    const agent = new Agent({ keepAlive: true })
    const ask = async () => {
      const [response] = await once(request(`${url}/api/orders/1`, { agent }).end(), 'response')
      response.resume()
      await once(response, 'end')
      return response
    }
    const before = await ask()
    expect(before).toMatchObject({ statusCode: 503, headers: { connection: 'keep-alive' } })
    const closed = http.close()
    expect(await ask()).toMatchObject({ statusCode: 503, headers: { connection: 'close' } })
    await letGo()
    for (const { status } of await Promise.all(held)) expect(status).toBe(200)
    agent.destroy()
    await closed
  })

  test(
    'that end after the server has closed keep no connection open',
    async () => {
      const { http, url } = await listen(testApp)
      const agent = new Agent({ keepAlive: true })
      onTestFinished(() => agent.destroy())
      const letGo = await holdItems()
      const headers = { 'content-type': 'application/json' }
      const call = request(`${url}/graphql`, { agent, method: 'POST', headers })
      const answered = once(call.end(JSON.stringify({ query: HELD })), 'response')
      await eventually(() => testApp.app.calls.count === 1)
      const closed = http.close()
      await eventually(() => !http.server.listening)
      await letGo()
      const [response] = await answered
      expect(response.statusCode).toBe(200)
      response.resume()
      // Node would keep it for the keep-alive time-out
      await closed
    },
    KEEP_ALIVE_TIMEOUT_MS / 2,
  )
})
