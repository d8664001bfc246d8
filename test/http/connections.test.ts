import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, onTestFinished } from 'vitest'
import { REQUEST_TIMEOUT_MS, WEBSOCKET_OPERATIONS_MAX } from '../../src/limits.ts'
import { test } from '../support/fixtures.ts'
import { connectByWebSocket } from '../support/graphql.ts'
import { eventually, listen, seed } from '../support/harness.ts'

test('a connection for readiness alone does not outlive its server', async ({ app, testApp }) => {
  const { http, url } = await listen(testApp)
  expect((await fetch(`${url}/health/ready`)).status).toBe(200)
  const countLooking = async () => {
    const { rowCount } = await app.pool.query(
      `select from pg_stat_activity where datname = current_database() and application_name = 'holdfast-health'`,
    )
    return rowCount
  }
  expect(await countLooking()).toBe(1)
  await http.close()
  await eventually(async () => (await countLooking()) === 0)
})

test('a request that is never finished is ended soon after its time', async ({ testApp }) => {
  const { http, url } = await listen(testApp)
  onTestFinished(() => http.close())
  expect(http.server.requestTimeout).toBe(REQUEST_TIMEOUT_MS)
  http.server.headersTimeout = http.server.requestTimeout = 100
  const socket = connect(Number(new URL(url).port), '127.0.0.1').resume()
  const startedAtMs = performance.now()
  socket.write('POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99\r\n\r\n{')
  await once(socket, 'close')
  // of itself Node looks every 30 s
  expect(performance.now() - startedAtMs).toBeLessThan(15_000)
})

test('a WebSocket that asks for more than a connection may is closed, and no other', async ({
  app,
  testApp,
}) => {
  const { http, url } = await listen(testApp)
  onTestFinished(() => http.close())
  await seed(app).item({ sku: 'BOLT', available: 1 })
  const other = connectByWebSocket({ url })
  onTestFinished(async () => other.dispose())
  const { id } = await seed(app).order({ sku: 'BOLT' })
  const query = 'subscription ($id: ID!) { orderStatusChanged(id: $id) { id } }'
  const watch = other.subscribe(query, { id })
  await watch.next()
  const client = connectByWebSocket({ url })
  // as many at once as may be under way
  const subscribe = (times: number) =>
    Promise.all(Array.from({ length: times }, () => client.subscribe(query, { id }).next()))
  for (let times = 0; times < 4; times++) await subscribe(WEBSOCKET_OPERATIONS_MAX / 4)
  await expect(subscribe(1)).rejects.toMatchObject({ code: 1008 })
  expect((await other.subscribe('{ inventoryItem(sku: "BOLT") { sku } }').next())?.data).toBeDefined()
  watch.leave()
})
