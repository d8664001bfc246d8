import { once } from 'node:events'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import WebSocket from 'ws'
import { serveWhileWaiting } from '../../src/http/waiting-server.ts'
import { findFreePort } from '../support/free-port.ts'
import { execute, subscribeBySse, subscribeByWebSocket, type TestServer } from '../support/graphql.ts'
import { createTestApp, listen, type TestApp } from '../support/harness.ts'
import { rawCall, sendBytes } from '../support/raw-call.ts'

const DSN = 'postgresql://holdfast:s3cret@db.internal:5432/holdfast'
const LEAK =
  /s3cret|postgres|db\.internal|select |relation|node_modules|\.ts\b|\bat .*:\d+:\d+|(?<!Syntax )Error:|ECONN|\/tmp\//
const ID = '01890a5d-ac96-774b-bcce-b302099a8057'
const WATCH = `subscription { orderStatusChanged(id: "${ID}") { id } }`
const POST_JSON = { 'content-type': 'application/json' }

/** As pg, Prisma or Node may throw: with all they know. */
const ERRORS = {
  'an error': new Error(`${DSN}: select secret from vault`),
  'an error with fields': Object.assign(new Error(DSN), {
    detail: DSN,
    hint: DSN,
    statusCode: 418,
    code: 'X',
  }),
  'an error that passes for a client error': Object.assign(new Error(DSN), { statusCode: 400 }),
  'an error with a cause': new Error(DSN, { cause: new Error(DSN) }),
  'several errors': new AggregateError([new Error(DSN), new Error(DSN)], DSN),
  'a string': DSN,
}

let testApp: TestApp
let server: TestServer
const lines: string[] = []

beforeEach(async () => {
  testApp = await createTestApp()
  const logger = pino({ level: 'warn' }, { write: (line) => lines.push(line) })
  testApp = { ...testApp, app: { ...testApp.app, logger } }
  const { http, url } = await listen(testApp)
  server = { testApp, app: testApp.app, url, close: () => http.close().then(() => testApp.close()) }
})
afterEach(async () => {
  vi.restoreAllMocks()
  await server.close()
  lines.length = 0
})

describe.each(Object.entries(ERRORS))('%s from the database', (_name, error) => {
  it('reaches no caller, by any way', async () => {
    const { pool, metrics } = server.app
    vi.spyOn(pool, 'query').mockImplementation(() => Promise.reject(error))
    vi.spyOn(pool, 'connect').mockImplementation(() => Promise.reject(error))
    vi.spyOn(metrics, 'metrics').mockRejectedValue(error)
    const answers = {
      'GraphQL by POST': (await execute(server, '{ orders { edges { node { id } } } }')).text,
      'GraphQL by GET': (await rawCall(`${server.url}/graphql?query={orders{edges{node{id}}}}`)).text,
      'server-sent events': JSON.stringify(await subscribeBySse(server, WATCH).next()),
      WebSocket: JSON.stringify(await subscribeByWebSocket(server, WATCH).next()),
      'a query by WebSocket': JSON.stringify(
        await subscribeByWebSocket(server, '{ orders { edges { node { id } } } }').next(),
      ),
      REST: (await rawCall(`${server.url}/api/orders/${ID}`)).text,
      'REST by POST': (
        await rawCall(`${server.url}/api/order`, {
          method: 'POST',
          headers: POST_JSON,
          body: '{"sku":"BOLT","qty":1}',
        })
      ).text,
      metrics: (await rawCall(`${server.url}/metrics`)).text,
      readiness: (await rawCall(`${server.url}/health/ready`)).text,
    }
    for (const [way, answer] of Object.entries(answers)) {
      expect(answer, way).toMatch(/^(\{|undefined)/)
      expect(answer, way).not.toMatch(LEAK)
    }
  })
})

it('logs what it hid beside the id of the request, over every way', async () => {
  vi.spyOn(server.app.pool, 'query').mockImplementation(() => Promise.reject(ERRORS['an error']))
  vi.spyOn(server.app.pool, 'connect').mockImplementation(() => Promise.reject(ERRORS['an error']))
  const headers = (id: string, more = {}) => ({ 'x-request-id': id, ...more })
  const query = '{ orders { edges { node { id } } } }'
  const post = (id: string, path: string, body: object, accept = 'application/json') =>
    rawCall(server.url + path, {
      method: 'POST',
      headers: headers(id, { ...POST_JSON, accept }),
      body: JSON.stringify(body),
    })
  await post('by-post', '/graphql', { query })
  await rawCall(`${server.url}/graphql?query=${encodeURIComponent(query)}`, { headers: headers('by-get') })
  await post('by-sse', '/graphql', { query: WATCH }, 'text/event-stream')
  await post('by-rest', '/api/order', { sku: 'BOLT', qty: 1 })
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', {
    headers: headers('by-websocket'),
  })
  await once(socket, 'open')
  socket.send('{"type":"connection_init"}')
  await once(socket, 'message')
  socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query: WATCH } }))
  await once(socket, 'message')
  socket.terminate()
  const logged = lines.map((line) => JSON.parse(line)).filter(({ level }) => level === 50)
  for (const id of ['by-post', 'by-get', 'by-sse', 'by-rest', 'by-websocket']) {
    expect(logged.filter(({ requestId }) => requestId === id)).toEqual([
      expect.objectContaining({
        err: expect.objectContaining({ message: expect.stringContaining('vault') }),
      }),
    ])
  }
})

describe('what is malformed', () => {
  it.each([
    ['a path that is none', 'GET http:// HTTP/1.1\r\nHost: localhost\r\n\r\n'],
    ['no HTTP', 'hello\r\n\r\n'],
    ['no Host', 'GET / HTTP/1.1\r\n\r\n'],
    ['a header without an end', `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`],
    [
      'two lengths',
      'POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx',
    ],
    [
      'a length and chunks',
      'POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx',
    ],
    [
      'bad chunks',
      'POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
    ],
    [
      'an expectation',
      'POST /api/order HTTP/1.1\r\nHost: localhost\r\nExpect: nonsense\r\nConnection: close\r\n\r\n',
    ],
    ['a bad escape', 'GET /api/orders/%zz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'],
    [
      'a bad escape for GraphQL',
      'GET /graphql?query=%zz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
    ],
    [
      'a way out of the folder',
      'GET /docs/static/../../../package.json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
    ],
    [
      'the same, escaped',
      'GET /docs/static/%2e%2e%2f%2e%2e%2fpackage.json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
    ],
    [
      'a WebSocket without a key',
      'GET /graphql HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    ],
    ['another method', 'BREW /graphql HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'],
    ['a trace', 'TRACE /graphql HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nCookie: s3cret\r\n\r\n'],
  ])('is answered by nothing but what is wrong with it, and the server goes on: %s', async (_name, bytes) => {
    const answer = await sendBytes(server.url, bytes)
    expect(answer).toMatch(/^HTTP\/1\.1 (4\d\d|200) /)
    expect(answer).not.toMatch(LEAK)
    expect((await rawCall(`${server.url}/health/live`)).status).toBe(200)
  })

  it.each(['GET', 'POST', 'PUT', 'DELETE', 'HEAD'])('a %s of nothing tells nothing', async (method) => {
    for (const path of [
      '/nothing',
      '/api/nothing',
      '/api',
      '/docs/nothing',
      '/.env',
      '/package.json',
      '/graphql/x',
    ]) {
      const { status, text } = await rawCall(server.url + path, { method })
      expect([404, 415]).toContain(status)
      expect(text).not.toMatch(LEAK)
    }
  })
})

it('tells nothing while it waits for the database', async () => {
  const port = Number(await findFreePort())
  const end = await serveWhileWaiting({ host: '127.0.0.1', port }, { corsOrigins: [], explorer: true })
  const url = `http://127.0.0.1:${port}`
  for (const path of ['/graphql', '/api/order', '/health/ready', '/metrics', '/nothing', '/docs', '/%zz']) {
    for (const body of [undefined, 'not JSON', 'x'.repeat(2_000_000)]) {
      const answer = await rawCall(url + path, {
        method: body ? 'POST' : 'GET',
        headers: POST_JSON,
        body,
      }).catch((error) => {
        // a body that it does not read may be cut off
        if (body === undefined || body.length < 1_000) throw error
        return undefined
      })
      if (!answer) continue
      expect(answer.status).toBeGreaterThanOrEqual(400)
      expect(answer.text).not.toMatch(LEAK)
    }
  }
  await end()
})
