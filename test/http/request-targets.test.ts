import { METHODS } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import WebSocket from 'ws'
import { createAuthenticate } from '../../src/http/access/create-authenticate.ts'
import { createLogger } from '../../src/observability/logs/logger.ts'
import { serveTestApp, type TestServer } from '../support/graphql.ts'
import { eventually, seed } from '../support/harness.ts'
import { rawCall, sendBytes } from '../support/raw-call.ts'
import { bySecret } from '../support/tokens.ts'

let server: TestServer
let orderId: string
beforeAll(async () => {
  server = await serveTestApp()
  await seed(server.app).item({ sku: 'BOLT', available: 10 })
  orderId = (await seed(server.app).order({ sku: 'BOLT' })).id
})
afterAll(() => server.close())

/** Sends a request line as it is: clients put many of these right before they send them. */
async function statusOf(
  line: string,
  { host = 'localhost', url = server.url, more = '' } = {},
): Promise<number> {
  const answer = await sendBytes(url, `${line} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n${more}\r\n`)
  return Number(/^HTTP\/1\.1 (\d+)/.exec(answer)![1])
}

/** Other ways to write a path. */
const formsOf = (path: string) => [
  path,
  `http://localhost${path}`,
  `HTTP://LOCALHOST:4000${path}`,
  path.replace(/[a-z]/, (letter) => `%${letter.charCodeAt(0).toString(16)}`),
  path.replaceAll(/[a-z]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`),
  path.replace('/', '//'),
  path.replace('/', '/./'),
  path.replace('/', '/x/../'),
  path.replace('/', '/x/%2e%2E/'),
  path.replace(/(?=\?|$)/, '/'),
  path.includes('?') ? path : `${path}?`,
]

describe('a path means the same in every form', () => {
  it.each(
    [
      '/graphql?query={__typename}',
      '/api/inventory/BOLT/movements',
      '/health/live',
      '/metrics',
      '/openapi.json',
    ].flatMap(formsOf),
  )('%s', async (target) => {
    expect(await statusOf(`GET ${target}`)).toBe(200)
  })

  it('also of an order, whose id is as it was', async () => {
    for (const target of formsOf(`/api/orders/${orderId}`)) expect(await statusOf(`GET ${target}`)).toBe(200)
    expect(await statusOf(`GET /api/orders%2F${orderId}`)).toBe(404)
  })

  it('also to who guards an overload', async () => {
    const isFull = vi.spyOn(server.app.calls, 'isFull').mockReturnValue(true)
    try {
      for (const target of [
        ...formsOf('/graphql?query={__typename}'),
        ...formsOf('/api/inventory/BOLT/movements'),
      ])
        expect({ target, status: await statusOf(`GET ${target}`) }).toEqual({ target, status: 503 })
      for (const target of formsOf('/health/live')) expect(await statusOf(`GET ${target}`)).toBe(200)
    } finally {
      isFull.mockRestore()
    }
  })

  it('also to who asks for a token', async () => {
    const guarded = await serveTestApp({ authenticate: createAuthenticate(bySecret, createLogger('silent')) })
    for (const target of [
      ...formsOf('/graphql?query={__typename}'),
      ...formsOf('/api/inventory/BOLT/movements'),
    ])
      expect({ target, status: await statusOf(`GET ${target}`, guarded) }).toEqual({ target, status: 401 })
    await guarded.close()
  })

  it('also for WebSockets', async () => {
    for (const path of ['/%67raphql', '//graphql', '/graphql/', '/x/../graphql?a=1']) {
      const { port } = new URL(server.url)
      const line = `GET ${path} HTTP/1.1\r\nHost: localhost:${port}\r\nConnection: Upgrade\r\nUpgrade: WebSocket`
      const key = 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='
      expect(await sendBytes(server.url, `${line}\r\n${key}\r\n\r\n`)).toMatch(/^HTTP\/1\.1 101 /)
    }
  })

  it('and a caller of HTTP/1.0, as HAProxy that checks health, names none', async () => {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1').setEncoding('latin1')
    socket.write('GET /health/live HTTP/1.0\r\n\r\n')
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 200 /)
  })

  it('and a target that is a URL names the host', async () => {
    expect(await statusOf('GET http://rebound.example/health/live')).toBe(403)
    expect(await statusOf('GET http://localhost/health/live', { host: 'rebound.example' })).toBe(200)
  })
})

/** Every path, with what it takes. */
const PATHS = () =>
  [
    ['/', ['GET', 'HEAD']],
    ['/graphql', ['GET', 'HEAD', 'POST']],
    ['/api/order', ['POST']],
    [`/api/orders/${orderId}`, ['GET', 'HEAD']],
    ['/api/inventory/BOLT/movements', ['GET', 'HEAD']],
    ['/health/live', ['GET', 'HEAD']],
    ['/health/ready', ['GET', 'HEAD']],
    ['/metrics', ['GET', 'HEAD']],
    ['/openapi.json', ['GET', 'HEAD']],
    ['/docs', ['GET', 'HEAD']],
    ['/docs/', ['GET', 'HEAD']],
    ['/docs/static/swagger-ui.css', ['GET', 'HEAD']],
    ['/supplier/reserve', ['POST']],
    ['/supplier/status/ok-1', ['GET']],
  ] as const

describe('a method', () => {
  it('that a path does not take is answered 405 with those that it takes, on every path', async () => {
    for (const [path, methods] of PATHS()) {
      for (const method of METHODS) {
        if (method === 'CONNECT' || method === 'OPTIONS' || (methods as readonly string[]).includes(method))
          continue
        const { status, headers, text } = await rawCall(server.url + path, { method })
        expect({ path, method, status, allow: headers.allow }).toEqual({
          path,
          method,
          status: 405,
          allow: [...methods, 'OPTIONS'].join(', '),
        })
        if (method !== 'HEAD') expect(text).toContain('"METHOD_NOT_ALLOWED"')
      }
    }
  })

  it('is looked at before anything else that is wrong', async () => {
    const headers = { 'content-type': 'text/plain', 'content-encoding': 'gzip' }
    const answer = await rawCall(`${server.url}/api/order`, { method: 'PUT', headers, body: 'x' })
    expect(answer.status).toBe(405)
  })

  it('OPTIONS is answered by the methods, on every path', async () => {
    for (const [path, methods] of PATHS()) {
      const { status, headers, text } = await rawCall(server.url + path, { method: 'OPTIONS' })
      expect({ path, status, allow: headers.allow, text }).toEqual({
        path,
        status: 204,
        allow: [...methods, 'OPTIONS'].join(', '),
        text: '',
      })
    }
    expect((await rawCall(`${server.url}/nowhere`, { method: 'OPTIONS' })).status).toBe(404)
  })

  it('HEAD is answered as GET is, without a body', async () => {
    for (const [path, methods] of PATHS()) {
      if (!(methods as readonly string[]).includes('HEAD')) continue
      for (const search of path === '/graphql'
        ? ['?query={__typename}', '?query={nope}', '?query=mutation{x}']
        : ['']) {
        const get = await rawCall(server.url + path + search)
        const head = await rawCall(server.url + path + search, { method: 'HEAD' })
        expect({ path, status: head.status, type: head.headers['content-type'], text: head.text }).toEqual({
          path,
          status: get.status,
          type: get.headers['content-type'],
          text: '',
        })
      }
    }
  })
})

describe('an offer to speak something else', () => {
  // Java's client has it with every call over plain HTTP
  it.each(['h2c', 'TLS/1.0', 'websocket2'])('of %s is passed over', async (protocol) => {
    const headers = { connection: 'Upgrade, HTTP2-Settings', upgrade: protocol, 'http2-settings': 'AAMAAABk' }
    const json = { ...headers, 'content-type': 'application/json' }
    const order = JSON.stringify({ sku: 'BOLT', qty: 1 })
    expect((await rawCall(`${server.url}/health/live`, { headers })).status).toBe(200)
    expect(
      (await rawCall(`${server.url}/api/order`, { method: 'POST', headers: json, body: order })).status,
    ).toBe(201)
    const body = JSON.stringify({ query: '{ __typename }' })
    expect((await rawCall(`${server.url}/graphql`, { method: 'POST', headers: json, body })).text).toBe(
      '{"data":{"__typename":"Query"}}',
    )
  })

  it('of WebSocket is taken, whatever its case', async () => {
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws')
    await eventually(() => socket.readyState === socket.OPEN)
    socket.terminate()
  })
})
