import { describe, expect } from 'vitest'
import type { App } from '../../src/create-app.ts'
import { LEAVE_TIMEOUT_MS } from '../../src/limits.ts'
import { test } from '../support/fixtures.ts'
import { type Answer, codesOf, execute, serveApp, subscribeBySse, type Target } from '../support/graphql.ts'
import { eventually, seed } from '../support/harness.ts'
import { reserveOrders } from '../support/reserve-orders.ts'

const CREATE = `mutation ($waitMs: Int) {
  createOrder(input: { sku: "BOLT", qty: 1, waitMs: $waitMs }) {
    order { id status version lines { reserved } }
    userErrors { code }
  }
}`

/** A call, and what its client does to hang up. */
type Call = { answer: Promise<Answer | undefined>; hangUp: () => void }

const transports: [string, (target: Target, waitMs: number) => Call][] = [
  [
    'POST',
    ({ url }, waitMs) => {
      const caller = new AbortController()
      const answer = fetch(`${url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query: CREATE, variables: { waitMs } }),
        signal: caller.signal,
      }).then((response) => response.json() as Promise<Answer>)
      return { answer: answer.catch(() => undefined), hangUp: () => caller.abort() }
    },
  ],
  [
    'server-sent events',
    (target, waitMs) => {
      const { next, leave } = subscribeBySse(target, CREATE, { waitMs })
      return { answer: next(), hangUp: leave }
    },
  ],
]

async function awaited(app: App): Promise<string> {
  await eventually(() => app.feed.watcherCount === 1)
  return (await app.prisma.order.findFirstOrThrow()).id
}

function expectNothingLeft({ calls, feed }: App): void {
  expect({ waiting: calls.waiting, count: calls.count, views: feed.watcherCount }).toEqual({
    waiting: 0,
    count: 0,
    views: 0,
  })
}

describe.each(transports)('createOrder with waitMs by %s', (_name, call) => {
  test('answers with the outcome', async ({ app, server }) => {
    await seed(app).item({ sku: 'BOLT', available: 10 })
    const { answer, hangUp } = call(server, 10_000)
    const id = await awaited(app)
    expect(app.calls.count).toBe(0)
    await reserveOrders(app, [id])
    const { order } = (await answer)!.data.createOrder
    expect(order).toEqual({ id, status: 'RESERVED', version: 2, lines: [{ reserved: 1 }] })
    expectNothingLeft(app)
    hangUp()
  })

  test('answers with the order as it stands when the time is over', async ({ app, server }) => {
    await seed(app).item({ sku: 'BOLT', available: 10 })
    const { answer, hangUp } = call(server, 100)
    expect((await answer)!.data.createOrder).toMatchObject({ order: { status: 'PENDING' }, userErrors: [] })
    expectNothingLeft(app)
    hangUp()
  })

  test('keeps nothing of a caller that hangs up', async ({ app, server }) => {
    await seed(app).item({ sku: 'BOLT', available: 10 })
    const { answer, hangUp } = call(server, 10_000)
    await awaited(app)
    hangUp()
    await eventually(() => app.calls.waiting === 0)
    await eventually(() => app.calls.count === 0)
    expectNothingLeft(app)
    await answer
  })

  test('answers with the order as it stands when the server stops', async ({ app, testApp }) => {
    await seed(app).item({ sku: 'BOLT', available: 10 })
    const server = await serveApp(testApp, { leaveTimeoutMs: LEAVE_TIMEOUT_MS })
    const { answer } = call(server, 10_000)
    await awaited(app)
    const startedAt = performance.now()
    const closing = server.close()
    expect((await answer)!.data.createOrder).toMatchObject({ order: { status: 'PENDING' }, userErrors: [] })
    await closing
    expect(performance.now() - startedAt).toBeLessThan(3_000)
    expectNothingLeft(app)
  })
})

test('a bad waitMs is refused, and orders nothing', async ({ app, server }) => {
  await seed(app).item({ sku: 'BOLT', available: 10 })
  for (const waitMs of [-1, 10_001, 2_147_483_647, 0.5, '10', 1e10]) {
    expect(codesOf(await execute(server, CREATE, { waitMs })), String(waitMs)).toEqual(['BAD_USER_INPUT'])
  }
  expect(await app.prisma.order.count()).toBe(0)
  expect((await execute(server, CREATE, { waitMs: null })).data.createOrder.order.status).toBe('PENDING')
})

test('the orders of one request share the longest wait: nobody is cut off for its time', async ({
  app,
  server,
}) => {
  await seed(app).item({ sku: 'BOLT', available: 10 })
  const one = 'createOrder(input: { sku: "BOLT", qty: 1, waitMs: 7000 }) { order { status } }'
  const startedAt = performance.now()
  const { data, errors } = await execute(server, `mutation { a: ${one} b: ${one} c: ${one} }`)
  const tookMs = performance.now() - startedAt
  expect(errors).toBeUndefined()
  for (const name of ['a', 'b', 'c']) expect(data[name].order).toEqual({ status: 'PENDING' })
  expect(tookMs).toBeGreaterThan(9_900)
  expect(tookMs).toBeLessThan(12_000)
}, 20_000)
