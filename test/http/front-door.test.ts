import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import WebSocket from 'ws'
import { serveWhileWaiting } from '../../src/http/waiting-server.ts'
import { findFreePort } from '../support/free-port.ts'
import { serveTestApp, type TestServer } from '../support/graphql.ts'
import { seed } from '../support/harness.ts'
import { rawCall, sendBytes } from '../support/raw-call.ts'

const SHOP = 'https://shop.example'
const EVIL = 'https://evil.example'
const QUERY = encodeURIComponent('{ inventoryItem(sku: "BOLT") { available } }')
const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/
const POST_JSON = { 'content-type': 'application/json' }
const ADJUST = JSON.stringify({
  query: 'mutation { adjustInventory(input: { sku: "BOLT", delta: 1, reason: "x" }) { movement { id } } }',
})
const ORDER = JSON.stringify({ sku: 'BOLT', qty: 1 })

let server: TestServer
let production: TestServer
beforeAll(async () => {
  server = await serveTestApp({ corsOrigins: [SHOP] })
  production = await serveTestApp({ explorer: false })
  for (const { app } of [server, production]) await seed(app).item({ sku: 'BOLT', available: 10 })
})
afterAll(() => Promise.all([server.close(), production.close()]))

/** Every way in that does, or tells, something. */
const WAYS_IN = [
  ['GraphQL by GET', 'GET', `/graphql?query=${QUERY}`, {}, undefined],
  ['a stream by GET', 'GET', `/graphql?query=${QUERY}`, { accept: 'text/event-stream' }, undefined],
  ['a multipart stream by GET', 'GET', `/graphql?query=${QUERY}`, { accept: 'multipart/mixed' }, undefined],
  ['GraphQL by POST', 'POST', '/graphql', POST_JSON, ADJUST],
  ['a stream by POST', 'POST', '/graphql', { ...POST_JSON, accept: 'text/event-stream' }, ADJUST],
  ['REST by GET', 'GET', '/api/inventory/BOLT/movements', {}, undefined],
  ['REST by POST', 'POST', '/api/order', POST_JSON, ORDER],
  ['metrics', 'GET', '/metrics', {}, undefined],
] as const

async function count({ app }: TestServer): Promise<number> {
  const { rows } = await app.pool.query('select count(*)::int as count from inventory_movements')
  const { rows: orders } = await app.pool.query('select count(*)::int as count from orders')
  return rows[0].count + orders[0].count
}

describe.each(WAYS_IN)('%s', (_name, method, path, headers, body) => {
  const call = (more: Record<string, string>, { url } = server) =>
    rawCall(url + path, { method, headers: { ...headers, ...more }, body })

  it.each([
    ['another site', { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors', origin: EVIL }],
    ['another site, without reading', { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' }],
    ['a subdomain', { 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'no-cors' }],
    ['a frame', { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' }],
    ['another site, in an old browser', { origin: EVIL }],
    ['a page without an origin', { origin: 'null' }],
    ['one whose origin begins as ours', { origin: `${SHOP}.evil.example` }],
    ['one whose origin is a listed one but for the port', { origin: `${SHOP}:444` }],
    ['one whose origin is a listed one but for the scheme', { origin: 'http://shop.example' }],
    ['one that says what it likes', { 'sec-fetch-site': 'none, same-origin', origin: EVIL }],
  ])('is refused to a page: %s', async (_name, more) => {
    const before = await count(server)
    const answer = await call(more)
    expect(answer.status).toBe(403)
    expect(answer.text).toContain('"FORBIDDEN"')
    expect(answer.headers['access-control-allow-origin']).toBeUndefined()
    expect(await count(server)).toBe(before)
  })

  it('is open to programs, to its own pages and to what somebody typed', async () => {
    for (const more of [
      {},
      { 'sec-fetch-mode': 'cors' },
      { 'sec-fetch-site': 'same-origin', origin: server.url },
      { origin: server.url },
      { 'sec-fetch-site': 'none', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' },
    ]) {
      const { status, headers } = await call(more as Record<string, string>)
      expect([200, 201]).toContain(status)
      expect(headers['access-control-allow-origin']).toBeUndefined()
    }
  })

  it.each([SHOP, 'https://SHOP.example', `${SHOP}:443`])(
    'is open to pages of a listed site, which may read the answer: %s',
    async (origin) => {
      const { status, headers } = await call({ 'sec-fetch-site': 'cross-site', origin })
      expect([200, 201]).toContain(status)
      expect(headers).toMatchObject({
        'access-control-allow-origin': origin,
        'access-control-expose-headers': expect.stringMatching(/location.*retry-after.*x-request-id/),
        vary: expect.stringMatching(/origin/i),
      })
      expect(headers['access-control-allow-credentials']).toBeUndefined()
    },
  )

  it('answers the preflight of a listed site, and no other', async () => {
    const preflight = { 'access-control-request-method': method, 'sec-fetch-mode': 'cors' }
    const ask = (url: string, origin: string) =>
      rawCall(url + path, { method: 'OPTIONS', headers: { ...preflight, origin } })
    const { status, headers, text } = await ask(server.url, SHOP)
    expect([status, text]).toEqual([204, ''])
    expect(headers).toMatchObject({
      'access-control-allow-origin': SHOP,
      'access-control-allow-methods': 'GET, POST',
    })
    // what libraries of pages send of their own, asked for or not
    const allowed = String(headers['access-control-allow-headers']).split(', ')
    expect(allowed).toEqual(
      expect.arrayContaining([
        'apollo-require-preflight',
        'apollographql-client-name',
        'authorization',
        'baggage',
        'content-type',
        'idempotency-key',
        'last-event-id',
        'sentry-trace',
        'traceparent',
        'tracestate',
        'x-request-id',
      ]),
    )
    for (const [url, origin] of [
      [server.url, EVIL],
      [production.url, SHOP],
    ] as const) {
      const refused = await ask(url, origin)
      expect(refused.status).toBe(403)
      expect(Object.keys(refused.headers).filter((name) => name.startsWith('access-control'))).toEqual([])
    }
  })
})

it('lets a page of a listed site send whatever header its preflight asks for', async () => {
  const ask = (asked: string) =>
    rawCall(`${server.url}/graphql`, {
      method: 'OPTIONS',
      headers: {
        origin: SHOP,
        'access-control-request-method': 'POST',
        'access-control-request-headers': asked,
      },
    })
  const { headers } = await ask('content-type,X-Datadog-Trace-Id, uber-trace-id')
  expect(String(headers['access-control-allow-headers']).split(', ')).toEqual(
    expect.arrayContaining(['content-type', 'x-datadog-trace-id', 'uber-trace-id']),
  )
  expect(headers.vary).toContain('access-control-request-headers')
  expect((await ask('a b, c')).headers['access-control-allow-headers']).not.toContain('a b')
})

it('takes a page of its own for that, whatever the case of its host and where its port is that of the scheme', async () => {
  for (const [host, origin] of [
    ['localhost:443', 'https://localhost'],
    ['localhost', 'https://LOCALHOST:443'],
    ['LOCALHOST:80', 'http://localhost'],
  ]) {
    expect(
      (await rawCall(`${server.url}/health/live`, { headers: { host: host!, origin: origin! } })).status,
    ).toBe(200)
  }
  const headers = { host: 'localhost:444', origin: 'https://localhost' }
  expect((await rawCall(`${server.url}/health/live`, { headers })).status).toBe(403)
})

describe('a link on a page of another site', () => {
  const visit = {
    accept: 'text/html',
    'sec-fetch-site': 'cross-site',
    'sec-fetch-mode': 'navigate',
    'sec-fetch-dest': 'document',
  }

  it('leads to the pages of the explorer, and runs nothing', async () => {
    const { status, headers, text } = await rawCall(`${server.url}/graphql?query=${QUERY}`, {
      headers: visit,
    })
    expect([status, headers['content-type']]).toEqual([200, 'text/html'])
    expect(text).not.toContain('"available":')
    expect((await rawCall(`${server.url}/docs/`, { headers: visit })).status).toBe(200)
  })

  it('leads nowhere without the explorer', async () => {
    for (const path of [`/graphql?query=${QUERY}`, '/docs/', '/']) {
      expect((await rawCall(production.url + path, { headers: visit })).status).toBe(403)
    }
  })

  it('cannot post', async () => {
    const headers = { ...visit, ...POST_JSON }
    expect((await rawCall(`${server.url}/graphql`, { method: 'POST', headers, body: ADJUST })).status).toBe(
      403,
    )
  })
})

describe('a WebSocket', () => {
  const open = async (headers: Record<string, string>) => {
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', {
      headers,
    })
    socket.on('error', () => {})
    const outcome = await Promise.race([
      once(socket, 'upgrade').then(([response]) => response),
      once(socket, 'unexpected-response').then(([, response]) => response),
    ])
    socket.terminate()
    return outcome
  }

  it.each([
    [101, 'no page', {}],
    [101, 'its own page', { origin: 'SELF' }],
    [101, 'a listed site', { origin: SHOP }],
    [101, 'a listed site, with its port', { origin: `${SHOP}:443` }],
    [403, 'another site', { origin: EVIL }],
    [403, 'another site, by metadata', { 'sec-fetch-site': 'cross-site' }],
    [403, 'a page without an origin', { origin: 'null' }],
  ])('answers %i to %s', async (status, _name, headers) => {
    const response = await open(
      'origin' in headers && headers.origin === 'SELF'
        ? { origin: server.url }
        : (headers as Record<string, string>),
    )
    expect(response.statusCode).toBe(status)
  })

  it('answers its id, accepted or refused', async () => {
    expect((await open({ 'x-request-id': 'mine' })).headers['x-request-id']).toBe('mine')
    expect((await open({ 'x-request-id': 'mine', origin: EVIL })).headers['x-request-id']).toBe('mine')
    expect((await open({})).headers['x-request-id']).toMatch(UUID)
  })
})

it('refuses other names than those of this machine, in the words of the API that was called', async () => {
  const headers = { host: 'rebound.example' }
  const graphql = await rawCall(`${server.url}/graphql?query=${QUERY}`, { headers })
  expect(graphql.status).toBe(403)
  expect(JSON.parse(graphql.text)).toEqual({
    errors: [{ message: expect.stringContaining('localhost'), extensions: { code: 'FORBIDDEN' } }],
  })
  const rest = await rawCall(`${server.url}/api/order`, {
    method: 'POST',
    headers: { ...headers, ...POST_JSON },
    body: ORDER,
  })
  expect(rest.headers['content-type']).toMatch(/^application\/problem\+json/)
  expect(JSON.parse(rest.text)).toMatchObject({
    status: 403,
    detail: expect.stringContaining('localhost'),
    code: 'FORBIDDEN',
  })
})

/** Whatever answers it: routes, errors, Yoga, graphql-http, Fastify before it has a route, the door itself. */
const ANSWERS = [
  [200, 'GET', `/graphql?query=${QUERY}`, {}, undefined],
  [200, 'GET', '/graphql', { accept: 'text/html' }, undefined],
  [200, 'POST', '/graphql', { ...POST_JSON, accept: 'text/event-stream' }, ADJUST],
  [200, 'POST', '/graphql', POST_JSON, ADJUST],
  [400, 'POST', '/graphql', POST_JSON, 'not JSON'],
  [415, 'POST', '/graphql', { 'content-type': 'text/plain' }, ADJUST],
  [405, 'DELETE', '/graphql', {}, undefined],
  [201, 'POST', '/api/order', POST_JSON, ORDER],
  [400, 'POST', '/api/order', POST_JSON, 'not JSON'],
  [404, 'GET', '/api/nothing', {}, undefined],
  [404, 'GET', '/nothing', {}, undefined],
  [404, 'GET', '/api/orders/%zz', {}, undefined],
  [200, 'GET', '/docs/', {}, undefined],
  [200, 'GET', '/health/ready', {}, undefined],
  [403, 'GET', '/health/live', { host: 'rebound.example' }, undefined],
  [403, 'GET', '/health/live', { origin: EVIL }, undefined],
] as const

describe('every answer', () => {
  it.each(ANSWERS)('has an id and headers: %i to %s %s %j', async (status, method, path, headers, body) => {
    const answer = await rawCall(server.url + path, { method, headers: { ...headers }, body })
    expect(answer.status).toBe(status)
    expect(answer.headers).toMatchObject({
      'x-request-id': expect.stringMatching(UUID),
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'content-security-policy': expect.stringContaining("frame-ancestors 'none'"),
    })
    expect(answer.headers['x-powered-by']).toBeUndefined()
    const same = { ...headers, 'x-request-id': 'cart-4711.a' }
    const again = await rawCall(server.url + path, { method, headers: same, body })
    expect(again.headers['x-request-id']).toBe('cart-4711.a')
  })

  it.each(['', ' ', 'a b', 'a,b', 'x'.repeat(65), '"', '<script>', 'ä', '{"level":60}', '\t'])(
    'has an id of its own where it was brought %j',
    async (id) => {
      const { headers } = await rawCall(`${server.url}/health/live`, { headers: { 'x-request-id': id } })
      expect(headers['x-request-id']).toMatch(UUID)
    },
  )

  it('has one id where it was brought two', async () => {
    const answer = await sendBytes(
      server.url,
      'GET /health/live HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: a\r\nX-Request-Id: b\r\nConnection: close\r\n\r\n',
    )
    expect(answer.match(/x-request-id: .*/gi)).toEqual([expect.stringMatching(/: [\da-f-]{36}$/)])
  })

  it('has them while the database is waited for', async () => {
    const port = Number(await findFreePort())
    const end = await serveWhileWaiting({ host: '127.0.0.1', port }, { corsOrigins: [SHOP], explorer: false })
    const url = `http://127.0.0.1:${port}/graphql`
    const answer = await rawCall(url, { headers: { 'x-request-id': 'mine', origin: SHOP } })
    expect(answer).toMatchObject({
      status: 503,
      headers: { 'x-request-id': 'mine', 'access-control-allow-origin': SHOP, 'x-frame-options': 'DENY' },
    })
    expect((await rawCall(url, { headers: { origin: EVIL } })).status).toBe(403)
    await end()
  })
})
