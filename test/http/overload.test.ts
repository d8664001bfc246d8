import { once } from 'node:events'
import { request } from 'node:http'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { watchOverload } from '../../src/http/overload.ts'
import { LONG_TURNS_MAX_MS, QUERIES_WAITING_MAX, TURN_MAX_MS } from '../../src/limits.ts'
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

/** The application served, with what a test changes of it. */
async function serve(changes: Partial<TestApp['app']> = {}) {
  const server = await listen({ ...testApp, app: { ...testApp.app, ...changes } })
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

describe('too many queries that wait for a connection', () => {
  test('have every call refused but those for health, on every transport, for as long as it lasts', async () => {
    let waitingCount = 0
    const pool = Object.create(testApp.app.pool, { waitingCount: { get: () => waitingCount } })
    const url = await serve({ pool })
    const client = connectByWebSocket({ url })
    onTestFinished(async () => client.dispose())
    // a view keeps the connection open
    const { id } = await seed(testApp.app).order({ sku: 'BOLT' })
    const watch = client.subscribe('subscription ($id: ID!) { orderStatusChanged(id: $id) { id } }', { id })
    await watch.next()

    waitingCount = QUERIES_WAITING_MAX + 1
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
    expect((await fetch(`${url}/health/ready`)).status).toBe(200)

    waitingCount = 0
    expect((await postRest(url)).status).toBe(201)
    expect((await client.subscribe(ITEM).next())?.data).toBeDefined()
    watch.leave()
  })
})

describe('turns of the event loop that are too long', () => {
  const nextTurn = () => new Promise(setImmediate)
  const overload = () => {
    let nowMs = 1_000_000
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => nowMs)
    onTestFinished(() => void clock.mockRestore())
    const isOverloaded = watchOverload({ pool: { waitingCount: 0 } as TestApp['app']['pool'] })
    const passMs = (ms: number) => {
      nowMs += ms
    }
    return { isOverloaded, passMs }
  }

  test('are let pass while they are a burst, then cut short, until one is short again', async () => {
    const { isOverloaded, passMs } = overload()
    for (let elapsedMs = 0; elapsedMs <= LONG_TURNS_MAX_MS; elapsedMs += TURN_MAX_MS + 1) {
      expect(isOverloaded()).toBe(false)
      passMs(TURN_MAX_MS + 1)
      expect(isOverloaded()).toBe(elapsedMs + TURN_MAX_MS + 1 > LONG_TURNS_MAX_MS)
      await nextTurn()
    }
    for (let turn = 0; turn < 3; turn++) {
      expect(isOverloaded()).toBe(false)
      passMs(TURN_MAX_MS)
      expect(isOverloaded()).toBe(false)
      passMs(1)
      expect(isOverloaded()).toBe(true)
      await nextTurn()
    }
    expect(isOverloaded()).toBe(false)
    await nextTurn()
    expect(isOverloaded()).toBe(false)
    passMs(TURN_MAX_MS + 1)
    expect(isOverloaded()).toBe(false)
  })

  test('are forgotten when nobody calls for a while', async () => {
    const { isOverloaded, passMs } = overload()
    isOverloaded()
    passMs(LONG_TURNS_MAX_MS + 1)
    expect(isOverloaded()).toBe(true)
    await nextTurn()
    passMs(TURN_MAX_MS + 1)
    expect(isOverloaded()).toBe(false)
    passMs(TURN_MAX_MS + 1)
    expect(isOverloaded()).toBe(false)
  })
})
