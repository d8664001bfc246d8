import { expect } from 'vitest'
import { sharedTest as it } from '../support/fixtures.ts'
import { execute, type TestServer } from '../support/graphql.ts'
import { seed } from '../support/harness.ts'

const NAMES = '{ inventoryItems { edges { node { name } } } }'
/** 5 s is what a call waits for a connection; one that came behind another does not wait as long again. */
const ANSWER_LIMIT_MS = 9_000

it.beforeAll(async ({ app }) => {
  await seed(app).item({ sku: 'BOLT', available: 10 })
})

const placeOrder = (server: TestServer) =>
  fetch(`${server.url}/api/order`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ sku: 'BOLT', qty: 1 }),
  })

it('tells callers in time that every connection is taken, and recovers when they are free', async ({
  app,
  server,
}) => {
  const { max } = app.pool.options
  const taken = await Promise.all(Array.from({ length: max }, () => app.pool.connect()))

  const startedAtMs = performance.now()
  const [order, lookup, mutation, query, readiness, liveness] = await Promise.all([
    placeOrder(server),
    fetch(`${server.url}/api/orders/01890a5d-ac96-774b-bcce-b302099a8057`),
    execute(server, 'mutation { createOrder(input: { sku: "BOLT", qty: 1 }) { order { id } } }'),
    execute(server, NAMES),
    fetch(`${server.url}/health/ready`),
    fetch(`${server.url}/health/live`),
  ])
  expect(performance.now() - startedAtMs).toBeLessThan(ANSWER_LIMIT_MS)
  for (const response of [order, lookup]) {
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('1')
    expect(await response.json()).toMatchObject({ code: 'UNAVAILABLE' })
  }
  for (const { errors } of [mutation, query])
    expect(errors).toMatchObject([{ extensions: { code: 'UNAVAILABLE' } }])
  // busy, and not to be taken out
  expect(readiness.status).toBe(200)
  expect(liveness.status).toBe(200)

  for (const client of taken) client.release()
  expect((await placeOrder(server)).status).toBe(201)
  expect((await fetch(`${server.url}/health/ready`)).status).toBe(200)
  // what was refused left nothing
  expect(await app.prisma.order.count()).toBe(1)
})
