import { once } from 'node:events'
import { get } from 'node:http'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { execute, subscribeBySse, subscribeByWebSocket } from '../support/graphql.ts'
import { createTestApp, joinTestApp, listen, seed, type TestApp } from '../support/harness.ts'
import { type Nginx, plainConfig, readDocumentedConfig, startNginx } from '../support/nginx.ts'
import { rawCall } from '../support/raw-call.ts'
import { reserveOrders } from '../support/reserve-orders.ts'

const WATCH = 'subscription ($id: ID!) { orderStatusChanged(id: $id) { version } }'

let testApp: TestApp
let other: TestApp
let upstreams: Awaited<ReturnType<typeof listen>>[]
beforeAll(async () => {
  testApp = await createTestApp()
  other = await joinTestApp(testApp)
  upstreams = [await listen(testApp), await listen(other)]
  await seed(testApp.app).item({ sku: 'BOLT', available: 1_000 })
})
afterAll(async () => {
  for (const { http } of upstreams) await http.close()
  await other.close()
  await testApp.close()
})

const urls = () => upstreams.map(({ url }) => url)

async function start(config: (port: string) => string): Promise<Nginx> {
  const nginx = await startNginx(config)
  onTestFinished(() => nginx.stop())
  return nginx
}
async function startDocumented(): Promise<Nginx> {
  const config = await readDocumentedConfig('PORT', urls())
  return start((port) => config.replace('PORT', port))
}
const startPlain = () => start((port) => plainConfig(port, urls()))

describe.each([
  ['as docs/proxies.md has it', startDocumented],
  ['as it comes', startPlain],
])('behind nginx %s', (_name, startIt) => {
  it('a stream of server-sent events arrives as it happens, and calls are answered', async () => {
    const { url } = await startIt()
    const { id } = await seed(testApp.app).order({ sku: 'BOLT' })
    const watch = subscribeBySse({ url }, WATCH, { id })
    expect((await watch.next())?.data.orderStatusChanged).toEqual({ version: 1 })
    await reserveOrders(testApp.app, [id])
    expect((await watch.next())?.data.orderStatusChanged).toEqual({ version: 2 })
    watch.leave()
    expect((await execute({ url }, '{ inventoryItem(sku: "BOLT") { sku } }')).data).toBeDefined()
    const headers = { 'content-type': 'application/json' }
    const body = JSON.stringify({ sku: 'BOLT', qty: 1 })
    expect((await rawCall(`${url}/api/order`, { method: 'POST', headers, body })).status).toBe(201)
    expect((await rawCall(`${url}/docs/`)).status).toBe(200)
  })

  it('bodies that are refused before they are read take no instance out', async () => {
    const { url, readLog } = await startIt()
    const body = 'x'.repeat(900_000)
    for (const [status, path, type] of [
      [413, '/graphql', 'application/json'],
      [413, '/api/order', 'application/json'],
      [415, '/graphql', 'text/plain'],
      [415, '/api/order', 'text/plain'],
      [405, '/health/ready', 'text/plain'],
    ] as const) {
      for (let times = 0; times < 5; times++) {
        const answer = await rawCall(url + path, { method: 'POST', headers: { 'content-type': type }, body })
        expect({ path, status: answer.status }).toEqual({ path, status })
      }
    }
    expect(await readLog()).not.toMatch(
      /upstream server temporarily disabled|no live upstreams|reset by peer/,
    )
  })
})

it('WebSockets open behind the documented configuration, for pages of the same name as well', async () => {
  const { url } = await startDocumented()
  const { id } = await seed(testApp.app).order({ sku: 'BOLT' })
  const watch = subscribeByWebSocket({ url }, WATCH, { id })
  expect((await watch.next())?.data.orderStatusChanged).toEqual({ version: 1 })
  watch.leave()
  const headers = { connection: 'Upgrade', upgrade: 'websocket', origin: url }
  const opening = get(`${url}/graphql`, {
    headers: { ...headers, 'sec-websocket-version': '13', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' },
  })
  const [response, socket] = await once(opening, 'upgrade')
  expect(response.statusCode).toBe(101)
  socket.destroy()
})

it.each(['/metrics', '/%6detrics', '//metrics', '/x/../metrics'])(
  'the documented configuration keeps callers from %s',
  async (path) => {
    const { url } = await startDocumented()
    const [answer] = await once(get(url, { path }), 'response')
    answer.resume()
    expect(answer.statusCode).toBe(404)
  },
)
