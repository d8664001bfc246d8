import { once } from 'node:events'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import WebSocket from 'ws'
import type { Order } from '../../src/domain/orders/order.ts'
import { createAuthenticate } from '../../src/http/access/create-authenticate.ts'
import { createLogger } from '../../src/observability/logs/logger.ts'
import { codesOf, execute, subscribeBySse } from '../support/graphql.ts'
import { createTestApp, eventually, listen, seed, type TestApp } from '../support/harness.ts'
import { reserveOrders } from '../support/reserve-orders.ts'
import { authorizationOf, bySecret, mint } from '../support/tokens.ts'

const SHOP = 'https://shop.example'

let testApp: TestApp
let http: FastifyInstance
let url: string
let order: Order
let authorization: string

beforeAll(async () => {
  testApp = await createTestApp()
  await seed(testApp.app).item({ sku: 'GIZMO', available: 100 })
  order = await seed(testApp.app).order({ customerId: 'alice' })
  ;({ http, url } = await listen(testApp, {
    authenticate: createAuthenticate(bySecret, createLogger('silent')),
    corsOrigins: [SHOP],
  }))
  authorization = await authorizationOf('alice', 'customer')
})
afterAll(async () => {
  await http.close()
  await testApp.close()
})

const WATCH = 'subscription ($id: ID!) { orderStatusChanged(id: $id) { version } }'
const inSeconds = (seconds: number) => new Date((Math.floor(Date.now() / 1000) + seconds) * 1000)

/** A socket that was opened with `headers` and initialised with `payload`: what it was sent, and how it was closed. */
async function connect(payload?: object, headers: Record<string, string> = {}) {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', { headers })
  // biome-ignore lint/suspicious/noExplicitAny: each test knows what it asked for
  const messages: any[] = []
  socket.on('message', (data) => messages.push(JSON.parse(String(data))))
  const closed = once(socket, 'close').then(([code, reason]) => ({ code, reason: String(reason) }))
  await once(socket, 'open')
  const send = (message: object) => socket.send(JSON.stringify(message))
  send({ type: 'connection_init', ...(payload && { payload }) })
  return { socket, messages, closed, send }
}

describe('a page of another site', () => {
  const preflight = (path: string, origin: string) =>
    fetch(url + path, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST' },
    })

  it.each(['/graphql', '/api/order'])('asks without a token whether it may call %s', async (path) => {
    const listed = await preflight(path, SHOP)
    expect([listed.status, listed.headers.get('access-control-allow-origin')]).toEqual([204, SHOP])
    expect((await preflight(path, 'https://evil.example')).status).toBe(403)
  })

  it.each(['/graphql', '/api/order'])('is told at %s that its call needs a token', async (path) => {
    const post = { method: 'POST', body: '{}' }
    const headers = { 'content-type': 'application/json', authorization: 'Bearer none' }
    const listed = await fetch(url + path, { ...post, headers: { ...headers, origin: SHOP } })
    expect([listed.status, listed.headers.get('access-control-allow-origin')]).toEqual([401, SHOP])
    const foreign = { ...headers, authorization, origin: 'https://evil.example' }
    expect((await fetch(url + path, { ...post, headers: foreign })).status).toBe(403)
  })
})

describe('a token', () => {
  it.each([
    ['JSON', 'application/json'],
    ['a stream of server-sent events', 'text/event-stream'],
    ['multipart, by Yoga', 'multipart/mixed, application/json'],
  ])('is asked for by GraphQL that answers with %s', async (_name, accept) => {
    const call = async (headers: Record<string, string>) =>
      fetch(`${url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept, ...headers },
        body: JSON.stringify({ query: '{ orders { nonsense } }' }),
      })
    for (const headers of [{}, { authorization: 'Bearer x' }, { authorization: 'Basic eDp5' }]) {
      const answer = await call(headers as Record<string, string>)
      expect(answer.status).toBe(401)
      expect(answer.headers.get('www-authenticate')).toBe('Bearer')
      // and nothing is said of the schema
      expect(codesOf((await answer.json()) as object)).toEqual(['UNAUTHENTICATED'])
    }
    expect((await call({ authorization })).status).not.toBe(401)
  })

  it('is not looked for in the query, nor in a cookie', async () => {
    const token = await mint('alice', 'customer')
    for (const name of ['access_token', 'token', 'authorization']) {
      const query = `?query={__typename}&${name}=${token}`
      expect((await fetch(`${url}/graphql${query}`)).status).toBe(401)
      expect((await fetch(`${url}/api/orders/${order.id}?${name}=${token}`)).status).toBe(401)
      const headers = { cookie: `${name}=${token}` }
      expect((await fetch(`${url}/api/orders/${order.id}`, { headers })).status).toBe(401)
    }
  })

  it('with a role that there is not is FORBIDDEN on every transport', async () => {
    const authorization = await authorizationOf('alice', 'admin' as 'operator')
    const answer = await execute({ url, authorization }, '{ __typename }')
    expect([answer.status, ...codesOf(answer)]).toEqual([403, 'FORBIDDEN'])
    const rest = await fetch(`${url}/api/orders/${order.id}`, { headers: { authorization } })
    expect([rest.status, ((await rest.json()) as { code: string }).code]).toEqual([403, 'FORBIDDEN'])
    expect((await (await connect({ authorization })).closed).code).toBe(4403)
  })

  it('is asked for before the body is read, and at paths that are none', async () => {
    const answer = await fetch(`${url}/api/order`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: 'x'.repeat(200_000),
    })
    expect(answer.status).toBe(401)
    expect((await fetch(`${url}/api/nothing`)).status).toBe(401)
  })

  it('lets call by any name of the host', async () => {
    const answer = await http.inject({
      url: `/api/orders/${order.id}`,
      headers: { host: 'holdfast.example', authorization },
    })
    expect(answer.statusCode).toBe(200)
  })
})

describe('a WebSocket', () => {
  it.each([
    ['connectionParams', () => connect({ authorization })],
    ['the header of the upgrade', () => connect(undefined, { authorization })],
    [
      'connectionParams, whatever the header',
      () => connect({ authorization }, { authorization: 'Bearer x' }),
    ],
  ])('is let in by %s', async (_name, open) => {
    const { socket, messages, send } = await open()
    await eventually(() => messages.length > 0)
    expect(messages).toEqual([{ type: 'connection_ack' }])
    send({ id: '1', type: 'subscribe', payload: { query: '{ orders { edges { node { customerId } } } }' } })
    await eventually(() => messages.length > 1)
    expect(messages[1].payload.data.orders.edges).toEqual([{ node: { customerId: 'alice' } }])
    socket.terminate()
  })

  it.each([
    ['nothing', undefined],
    ['no token', {}],
    ['a bad token', { authorization: 'Bearer x' }],
    ['a token of another type', { authorization: ['Bearer x'] }],
    ['null', { authorization: null }],
  ])('is closed with 4403 for %s', async (_name, payload) => {
    const { closed, messages } = await connect(payload)
    expect(await closed).toEqual({ code: 4403, reason: expect.stringMatching(/token/) })
    expect(messages).toEqual([])
  })

  it('is closed with 4401 when it does not wait to be let in', async () => {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws')
    await once(socket, 'open')
    socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query: '{ __typename }' } }))
    expect((await once(socket, 'close'))[0]).toBe(4401)
  })
})

/** A second is promised; a busy machine has more. */
const LATE_MAX_MS = 5_000

describe('once its token expires', () => {
  it('a WebSocket is closed within a second, with what it watches', async () => {
    const before = testApp.app.feed.watcherCount
    const expiresAt = inSeconds(2)
    const { closed, messages, send } = await connect({
      authorization: await authorizationOf('alice', 'customer', expiresAt),
    })
    await eventually(() => messages.length > 0)
    send({ id: '1', type: 'subscribe', payload: { query: WATCH, variables: { id: order.id } } })
    await eventually(() => messages.length > 1)
    expect(await closed).toEqual({ code: 4403, reason: 'The token has expired' })
    const lateMs = Date.now() - expiresAt.getTime()
    expect(lateMs).toBeGreaterThanOrEqual(0)
    expect(lateMs).toBeLessThan(LATE_MAX_MS)
    await eventually(() => testApp.app.feed.watcherCount === before)
  })

  it('a stream of server-sent events has an error and ends within a second', async () => {
    const expiresAt = inSeconds(2)
    const stream = subscribeBySse(
      { url, authorization: await authorizationOf('alice', 'customer', expiresAt) },
      WATCH,
      { id: order.id },
    )
    expect((await stream.next())!.data.orderStatusChanged.version).toBe(1)
    expect(codesOf((await stream.next())!)).toEqual(['UNAUTHENTICATED'])
    const lateMs = Date.now() - expiresAt.getTime()
    expect(lateMs).toBeGreaterThanOrEqual(0)
    expect(lateMs).toBeLessThan(LATE_MAX_MS)
    expect(await stream.next()).toBeUndefined()
  })

  it('a stream that lives on has had everything', async () => {
    const mine = await seed(testApp.app).order({ customerId: 'alice' })
    const stream = subscribeBySse({ url, authorization }, WATCH, { id: mine.id })
    expect((await stream.next())!.data.orderStatusChanged.version).toBe(1)
    await reserveOrders(testApp.app, [mine.id])
    expect((await stream.next())!.data.orderStatusChanged.version).toBe(2)
    stream.leave()
  })
})
