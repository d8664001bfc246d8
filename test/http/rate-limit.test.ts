import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { createLogger } from '../../src/observability/logs/logger.ts'
import { createOrderLimiter, type OrderLimiter } from '../../src/rate-limit/order-limiter.ts'
import {
  type Answer,
  codesOf,
  execute,
  serveTestApp,
  subscribeBySse,
  type TestServer,
} from '../support/graphql.ts'
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
    expect(await postGraphql()).toMatchObject({
      errors: [
        {
          message: 'You may place 5 orders a second. Try again in 1 s',
          extensions: { code: 'RATE_LIMITED', retryAfter: 1 },
        },
      ],
    })
  })

  test.each([
    ['application/json', 200, null],
    ['application/graphql-response+json', 429, '1'],
  ])('is a refusal of the call: %s with %i', async (accept, status, retryAfter) => {
    await useUp()
    const response = await fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept },
      body: JSON.stringify({ query: `mutation { ${order()} }` }),
    })
    expect(response.status).toBe(status)
    expect(response.headers.get('retry-after')).toBe(retryAfter)
    expect(response.headers.get('content-type')).toContain(accept)
    expect(codesOf((await response.json()) as Answer)).toEqual(['RATE_LIMITED'])
  })

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

  test('counts each alias: of more orders in one request than a second has room for none is placed, and all count', async () => {
    expect(await execute(server, `mutation { ${aliased(50)} }`)).toMatchObject({
      errors: [
        {
          message: 'You may place 5 orders a second. Send fewer in one call than 50',
          extensions: { code: 'RATE_LIMITED' },
        },
      ],
    })
    expect(codesOf(await postGraphql())).toEqual(['RATE_LIMITED'])
    expect(await countOrders()).toBe(0)
  })

  test.each<[transport: string, ask: (query: string) => Promise<Answer | undefined>]>([
    ['POST', (query) => execute(server, query)],
    ['server-sent events', (query) => subscribeBySse(server, query).next()],
  ])('is asked before anything of a request is done (%s)', async (_transport, ask) => {
    await useUp()
    const adjustment = '{ sku: "BOLT", delta: 5, reason: "found" }'
    const answer = await ask(
      `mutation { adjustInventory(input: ${adjustment}) { userErrors { code } } ${order()} }`,
    )
    expect(codesOf(answer!)).toEqual(['RATE_LIMITED'])
    expect(await server.app.prisma.inventoryMovement.count({ where: { type: 'ADJUSTMENT' } })).toBe(0)
  })

  test('counts nothing that is not run', async () => {
    const asked = [
      `mutation ($qty: Int!) { createOrder(input: { sku: "BOLT", qty: $qty }) { order { id } } }`,
      `mutation { ${aliased(3)} ${'adjustInventory(input: {}) '} }`,
      `mutation { ${aliased(3)} } fragment Unused on Order { id }`,
      `mutation A { ${aliased(3)} } mutation B { ${aliased(3)} }`,
      `mutation { ${aliased(2)} ${Array.from({ length: 450 }, () => '__typename').join(' ')} ...T ...T ...T } fragment T on Mutation { ${Array.from({ length: 20 }, () => '__typename').join(' ')} }`,
    ]
    for (const query of asked) {
      const codes = codesOf(await execute(server, query))
      expect(codes).not.toEqual([])
      expect(codes).not.toContain('RATE_LIMITED')
    }
    expect(codesOf(await execute(server, `mutation { ${aliased(LIMIT)} }`))).toEqual([])
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

  test('counts an order of many lines as one, and what becomes of an order not at all', async () => {
    const lines = Array.from({ length: 50 }, (_, i) => ({ sku: `PART-${i}`, qty: 1 }))
    for (const { sku } of lines) await seed(server.app).item({ sku, available: 10 })
    const post = (path: string, body: object) =>
      fetch(`${server.url}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
    const create = `mutation ($lines: [OrderLineInput!]) { createOrder(input: { lines: $lines }) { order { id } } }`
    const [first, ...rest] = await Promise.all([
      post('/api/order', { lines }),
      post('/api/order', { lines }),
      ...Array.from({ length: LIMIT - 2 }, () => execute(server, create, { lines })),
    ])
    expect([first!.status, rest[0]!.status]).toEqual([201, 201])
    expect(await countOrders()).toBe(LIMIT)
    expect((await post('/api/order', { lines })).status).toBe(429)
    const { id } = (await (first as Response).json()) as { id: string }
    expect((await post(`/api/orders/${id}/cancel`, {})).status).toBe(200)
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
