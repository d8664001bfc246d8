import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { createLogger } from '../../src/observability/logger.ts'
import { createOrderLimiter, type OrderLimiter } from '../../src/rate-limit/order-limiter.ts'
import { codesOf, execute, serveTestApp, type TestServer } from '../support/graphql.ts'
import { listen, seed } from '../support/harness.ts'

const LIMIT = 5

let limiter: OrderLimiter
let server: TestServer
beforeEach(async () => {
  limiter = createOrderLimiter({ ordersPerSecond: LIMIT, logger: createLogger('silent') })
  server = await serveTestApp({ orderLimiter: limiter })
  await seed(server.app).item({ sku: 'BOLT', available: 1_000 })
})
afterEach(() => server.close())

const order = (key?: string) =>
  `createOrder(input: { sku: "BOLT", qty: 1${key ? `, idempotencyKey: "${key}"` : ''} }) { order { id } }`
const aliased = (count: number) =>
  Array.from({ length: count }, (_, index) => `o${index}: ${order()}`).join(' ')
const postGraphql = (key?: string) => execute(server, `mutation { ${order(key)} }`)
const postRest = (key?: string) =>
  fetch(`${server.url}/api/order`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(key !== undefined && { 'idempotency-key': key }) },
    body: JSON.stringify({ sku: 'BOLT', qty: 1 }),
  })
const countOrders = () => server.app.prisma.order.count()

/** Uses up what this address may order in the second that begins. */
async function useUp(): Promise<void> {
  await Promise.all(Array.from({ length: LIMIT }, () => postGraphql()))
}

describe('the rate limit on orders', () => {
  test('is told by GraphQL as RATE_LIMITED, with the seconds to wait', async () => {
    await useUp()
    const { errors, data } = await postGraphql()
    expect(data ?? null).toBeNull()
    expect(errors).toEqual([
      expect.objectContaining({
        message: 'You may place 5 orders a second. Try again in 1 s',
        path: ['createOrder'],
        extensions: { code: 'RATE_LIMITED', retryAfter: 1 },
      }),
    ])
  })

  test.each(['application/json', 'application/graphql-response+json'])(
    'is no refusal of the call: %s with 200',
    async (accept) => {
      await useUp()
      const response = await fetch(`${server.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept },
        body: JSON.stringify({ query: `mutation { ${order()} }` }),
      })
      expect(response.status).toBe(200)
      expect(response.headers.get('content-type')).toContain(accept)
      expect(await response.json()).toMatchObject({
        data: null,
        errors: [{ extensions: { code: 'RATE_LIMITED' } }],
      })
    },
  )

  test('is told by REST as a 429, with the headers that clients know', async () => {
    await useUp()
    const response = await postRest()
    expect(response.status).toBe(429)
    expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/)
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'retry-after': '1',
      'ratelimit-limit': '5',
      'ratelimit-remaining': '0',
      'ratelimit-reset': '1',
    })
    expect(await response.json()).toEqual({
      type: 'about:blank',
      title: 'Too Many Requests',
      status: 429,
      detail: 'You may place 5 orders a second. Try again in 1 s',
      code: 'RATE_LIMITED',
    })
  })

  test('is one for both APIs, counts what is refused otherwise, and leaves reads alone', async () => {
    const answers = await Promise.all([
      ...Array.from({ length: 10 }, () => postGraphql().then((answer) => !answer.errors)),
      ...Array.from({ length: 10 }, () => postRest().then(({ status }) => status === 201)),
    ])
    const placed = answers.filter(Boolean).length
    expect(await countOrders()).toBe(placed)
    // two windows, where the one ends meanwhile
    expect(placed).toBeLessThanOrEqual(2 * LIMIT)
    const reads = await Promise.all(
      Array.from({ length: 20 }, () => execute(server, '{ orders(first: 1) { edges { node { id } } } }')),
    )
    expect(reads.every(({ errors }) => errors === undefined)).toBe(true)
  })

  test('counts each alias: of fifty orders in one request none is placed', async () => {
    const { errors } = await execute(server, `mutation { ${aliased(50)} }`)
    expect(errors).toMatchObject([
      {
        message: 'You may place 5 orders a second. Send fewer in one call than 50',
        path: ['o0'],
        extensions: { code: 'RATE_LIMITED', retryAfter: 1 },
      },
    ])
    expect(await countOrders()).toBe(0)
  })

  test('places all orders of a request, or none', async () => {
    const outcomes = await Promise.all(
      [3, 3, 3, 3].map((count) => execute(server, `mutation { ${aliased(count)} }`).then(codesOf)),
    )
    expect(await countOrders()).toBe(3 * outcomes.filter(([code]) => code === undefined).length)
    expect(outcomes).toContainEqual(['RATE_LIMITED'])
  })

  test('counts the orders that a request places, wherever they stand in it', async () => {
    const { errors } = await execute(
      server,
      `mutation ($yes: Boolean = true, $no: Boolean = false) {
        ...Two ...Two ... @include(if: $yes) { c: ${order()} }
        c: ${order()} d: ${order()} ${order()}
        e: ${order().replace(') {', ') @include(if: $no) {')} f: ${order().replace(') {', ') @skip(if: $yes) {')}
        ...Two @skip(if: true) ... @include(if: false) { g: ${order()} }
      }
      fragment Two on Mutation { a: ${order()} b: ${order()} }`,
    )
    expect(errors).toBeUndefined()
    expect(await countOrders()).toBe(LIMIT)
    expect(codesOf(await postGraphql())).toEqual(['RATE_LIMITED'])
  })

  test('uses up no idempotency key', async () => {
    await useUp()
    expect(codesOf(await postGraphql('k1'))).toEqual(['RATE_LIMITED'])
    expect((await postRest('k2')).status).toBe(429)
    expect(await countOrders()).toBe(LIMIT)
    const { rows } = await server.app.pool.query('select from idempotency_keys')
    expect(rows).toHaveLength(0)
    await vi.waitFor(async () => expect(codesOf(await postGraphql('k1'))).toEqual([]), { timeout: 5_000 })
    expect((await postRest('k2')).status).toBe(201)
  })

  test('is of each caller, where callers are told apart', async () => {
    const { http, url } = await listen(server.testApp, {
      authenticate: (name) => ({ id: String(name), role: 'operator', expiresAt: null }),
    })
    onTestFinished(() => http.close())
    const postAs = (authorization: string) =>
      execute({ url, authorization }, `mutation { ${order()} }`).then(codesOf)
    await Promise.all(Array.from({ length: LIMIT }, () => postAs('alice')))
    expect(await Promise.all([postAs('alice'), postAs('bob')])).toEqual([['RATE_LIMITED'], []])
  })
})
