import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import WebSocket from 'ws'
import { type Authenticate, LOCAL_OPERATOR } from '../../../../src/domain/caller.ts'
import { CallError } from '../../../../src/domain/errors.ts'
import { createWatchTally } from '../../../../src/feed/watch-tally.ts'
import { createGraphQLServer } from '../../../../src/http/graphql/graphql-server.ts'
import {
  serveGraphqlWebSocket,
  type WebSocketOptions,
} from '../../../../src/http/graphql/streams/graphql-websocket.ts'
import { CallsUnderWay } from '../../../../src/http/overload/calls-under-way.ts'
import {
  WEBSOCKET_OPERATIONS_MAX,
  WEBSOCKET_UNREAD_MAX_BYTES,
  WEBSOCKETS_PER_CALLER_MAX,
} from '../../../../src/limits.ts'
import { createTestApp, eventually, seed, type TestApp } from '../../../support/harness.ts'
import { rawCall } from '../../../support/raw-call.ts'

const WATCH = 'subscription ($id: ID!) { orderStatusChanged(id: $id) { version } }'

let testApp: TestApp
let orderId: string
beforeAll(async () => {
  testApp = await createTestApp()
  await seed(testApp.app).item({ sku: 'BOLT' })
  orderId = (await seed(testApp.app).order({ sku: 'BOLT' })).id
})
afterAll(() => testApp.close())

let http: Server
let close: () => Promise<void>
const clients: WebSocket[] = []
const logged: string[] = []
const logger = pino({ level: 'debug' }, { write: (line) => logged.push(line) })

afterEach(async () => {
  for (const client of clients.splice(0)) client.terminate()
  await close()
  http.closeAllConnections()
  await new Promise((resolve) => http.close(resolve))
  logged.length = 0
  Object.assign(testApp.app.feed.tallies.websocket.dropped, createWatchTally().dropped)
  vi.restoreAllMocks()
})

/** Serves nothing but WebSockets. @returns their address */
async function serve(options: Partial<WebSocketOptions> = {}): Promise<string> {
  http = createServer()
  const graphql = createGraphQLServer(testApp.app, { isAuthenticated: false, explorer: true })
  close = serveGraphqlWebSocket(http, graphql, {
    calls: new CallsUnderWay(() => {}),
    authenticate: () => LOCAL_OPERATOR,
    isAuthenticated: false,
    corsOrigins: [],
    logger,
    ...options,
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  return `ws://127.0.0.1:${(http.address() as AddressInfo).port}/graphql`
}

type Options = { protocols?: string | string[] } & WebSocket.ClientOptions

function connect(url: string, { protocols = 'graphql-transport-ws', ...options }: Options = {}) {
  const socket = new WebSocket(url, protocols, options)
  clients.push(socket)
  const messages: { id?: string; type: string; payload?: unknown }[] = []
  socket.on('error', () => {})
  socket.on('message', (data) => messages.push(JSON.parse(String(data))))
  const closed = once(socket, 'close').then(([code, reason]) => [code, String(reason)])
  const send = (message: object | string) =>
    socket.send(typeof message === 'string' ? message : JSON.stringify(message))
  const receive = (id?: string, type?: string) =>
    eventually(() => messages.find((message) => message.id === id && (!type || message.type === type)))
  return { socket, messages, closed, send, receive, opened: once(socket, 'open') }
}

async function connectAndInit(url: string, options?: Options) {
  const client = connect(url, options)
  await client.opened
  client.send({ type: 'connection_init' })
  await Promise.race([client.receive(undefined, 'connection_ack'), client.closed])
  return client
}

const subscribe = (id: string, query = WATCH) => ({
  id,
  type: 'subscribe',
  payload: { query, variables: { id: orderId } },
})

describe('a client without manners', () => {
  it('that says nothing for 3 s is closed with 4408', async () => {
    const url = await serve()
    const startedAt = performance.now()
    const { closed } = connect(url)
    expect(await closed).toEqual([4408, 'Connection initialisation timeout'])
    expect(performance.now() - startedAt).toBeGreaterThan(2_900)
  })

  it('that subscribes before its init is closed with 4401, and its operation does not run', async () => {
    const { opened, send, closed, messages } = connect(await serve())
    await opened
    send(subscribe('1'))
    expect(await closed).toEqual([4401, 'Unauthorized'])
    expect(messages).toEqual([])
    expect(testApp.app.feed.watcherCount).toBe(0)
  })

  it('that says init twice is closed with 4429', async () => {
    const { send, closed } = await connectAndInit(await serve())
    send({ type: 'connection_init' })
    expect(await closed).toEqual([4429, 'Too many initialisation requests'])
  })

  it('that uses an id twice is closed with 4409, and nothing of it is watched any more', async () => {
    const { send, receive, closed } = await connectAndInit(await serve())
    send(subscribe('1'))
    await receive('1', 'next')
    send(subscribe('1'))
    expect((await closed)[0]).toBe(4409)
    await eventually(() => testApp.app.feed.watcherCount === 0)
  })

  it.each(['', 'not JSON', '[]', '{}', '{"type":"nonsense"}', '{"type":"subscribe"}'])(
    'that sends %j is closed with 4400',
    async (message) => {
      const { send, closed } = await connectAndInit(await serve())
      send(message)
      expect(await closed).toEqual([4400, 'Invalid message received'])
    },
  )

  it('that speaks no protocol is closed with 4406', async () => {
    const { closed } = connect(await serve(), { protocols: [] })
    expect(await closed).toEqual([4406, 'Subprotocol not acceptable'])
  })

  it('that speaks as a server would is closed', async () => {
    const { send, closed } = await connectAndInit(await serve())
    send({ type: 'connection_ack' })
    expect(await closed).toEqual([4500, 'Internal server error'])
  })

  it('that sends too large a frame, or none at all, is closed, and prints nothing on the console', async () => {
    const url = await serve()
    const printed = [vi.spyOn(console, 'error'), vi.spyOn(console, 'warn')]
    const large = await connectAndInit(url)
    large.send({ type: 'ping', payload: { secret: 'x'.repeat(100_001) } })
    expect((await large.closed)[0]).toBe(1009)

    const raw = await connectAndInit(url)
    const { _socket } = raw.socket as unknown as { _socket: NodeJS.WritableStream }
    _socket.write(Buffer.from([0xff, 0xff, 0xff, 0xff]))
    expect((await raw.closed)[0]).toBe(1002)
    for (const print of printed) expect(print).not.toHaveBeenCalled()
    expect(logged.map((line) => JSON.parse(line))).toMatchObject([
      {
        level: 30,
        requestId: expect.stringMatching(/./),
        err: { code: 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH' },
      },
      { level: 30, requestId: expect.stringMatching(/./) },
    ])
  })
})

/** Believes whoever says who they are. */
const byName: Authenticate = (name) => ({ id: String(name), role: 'operator', expiresAt: null })

describe('who connects', () => {
  /** Believes nobody but Ada. */
  const onlyAda: Authenticate = (authorization) => {
    if (authorization !== 'Bearer ada') throw new CallError('UNAUTHENTICATED', 'The token is not valid')
    return { id: 'ada', role: 'operator', expiresAt: null }
  }
  const initWith = async (payload: unknown) => {
    const client = connect(await serve({ authenticate: onlyAda, isAuthenticated: true }))
    await client.opened
    client.send({ type: 'connection_init', payload })
    const acknowledged = client.receive(undefined, 'connection_ack').then((message) => message?.type)
    return Promise.race([acknowledged, client.closed])
  }

  it.each([
    { authorization: 'Bearer ada' },
    { Authorization: 'Bearer ada' },
    { AUTHORIZATION: 'Bearer ada' },
    { headers: { Authorization: 'Bearer ada' } },
    { Headers: { authorization: 'Bearer ada' } },
  ])('is told by connectionParams of %j', async (payload) => {
    expect(await initWith(payload)).toBe('connection_ack')
  })

  it.each([
    undefined,
    {},
    { authorization: 'Bearer bob' },
    { Authorization: 7 },
    { headers: { Authorization: ['Bearer ada'] } },
    { headers: 'Authorization: Bearer ada' },
  ])('is refused with a reason, and a line in the log, for %j', async (payload) => {
    expect(await initWith(payload)).toEqual([4403, 'The token is not valid'])
    expect(logged.map((line) => JSON.parse(line))).toMatchObject([
      {
        level: 30,
        code: 4403,
        reason: 'The token is not valid',
        requestId: expect.stringMatching(/./),
        msg: 'WebSocket refused',
      },
    ])
  })

  it.each([
    [404, '/other', {}, /WebSockets are served at \/graphql/],
    [403, '/graphql', { origin: 'https://evil.example' }, /Pages of this site may not call/],
    [403, '/graphql', { host: 'rebound.example' }, /call by the name localhost/],
    [400, '/graphql', { 'sec-websocket-version': '7' }, /Sec-WebSocket-Version/i],
  ] as const)(
    'is refused by a handshake with %i that says why, and a line in the log: %s %j',
    async (status, path, headers, reason) => {
      const { port } = new URL(await serve())
      const asked = {
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
        ...headers,
      }
      const answer = await rawCall(`http://127.0.0.1:${port}${path}`, { headers: asked })
      expect({ status: answer.status, ...JSON.parse(answer.text) }).toEqual({
        status,
        errors: [{ message: expect.stringMatching(reason), extensions: { code: expect.any(String) } }],
      })
      expect(logged.map((line) => JSON.parse(line))).toMatchObject([
        {
          level: 30,
          status,
          reason: expect.stringMatching(reason),
          requestId: answer.headers['x-request-id'],
        },
      ])
    },
  )
})

describe('limits', () => {
  it(`one connection more than ${WEBSOCKETS_PER_CALLER_MAX} of a caller is closed with 1013, and others connect`, async () => {
    const url = await serve({ authenticate: byName, isAuthenticated: true })
    const connectAs = (authorization: string) => connectAndInit(url, { headers: { authorization } })
    const ada = await Promise.all(Array.from({ length: WEBSOCKETS_PER_CALLER_MAX }, () => connectAs('ada')))
    const over = await connectAs('ada')
    expect(await over.closed).toEqual([1013, 'Too many connections'])
    expect(over.messages).toEqual([])
    expect((await connectAs('bob')).messages).toEqual([{ type: 'connection_ack' }])
    ada[0]!.socket.terminate()
    await eventually(async () => (await connectAs('ada')).messages.length > 0)
  })

  it('a connection that its caller leaves while it is looked at who that is does not count', async () => {
    let letGo = () => {}
    const held = new Promise<void>((resolve) => {
      letGo = resolve
    })
    let asked = 0
    const authenticate: Authenticate = async (name) => {
      asked++
      if (asked <= WEBSOCKETS_PER_CALLER_MAX) await held
      return byName(name)
    }
    const url = await serve({ authenticate, isAuthenticated: true })
    const headers = { authorization: 'ada' }
    const left = Array.from({ length: WEBSOCKETS_PER_CALLER_MAX }, async () => {
      const { opened, send, socket, closed } = connect(url, { headers })
      await opened
      send({ type: 'connection_init' })
      await eventually(() => asked === WEBSOCKETS_PER_CALLER_MAX)
      socket.terminate()
      await closed
    })
    await Promise.all(left)
    // the server has seen them leave when it has answered another
    await (await connectAndInit(url, { headers: { authorization: 'bob' } })).receive(
      undefined,
      'connection_ack',
    )
    letGo()
    expect((await connectAndInit(url, { headers })).messages).toEqual([{ type: 'connection_ack' }])
  })

  it('connections from this machine are not counted without authentication', async () => {
    const url = await serve()
    const many = await Promise.all(
      Array.from({ length: WEBSOCKETS_PER_CALLER_MAX + 20 }, () => connectAndInit(url)),
    )
    for (const { messages } of many) expect(messages).toEqual([{ type: 'connection_ack' }])
  })
})

describe('a peer that is gone', () => {
  it('is noticed, and its subscriptions end', async () => {
    const { send, receive, closed } = await connectAndInit(await serve({ pingIntervalMs: 100 }), {
      autoPong: false,
    })
    send(subscribe('1'))
    await receive('1', 'next')
    expect((await closed)[0]).toBe(1006)
    await eventually(() => testApp.app.feed.watcherCount === 0)
    expect(dropped()).toEqual({ unresponsive: 1 })
  })

  it('is not one that leaves', async () => {
    const { send, receive, socket } = await connectAndInit(await serve())
    send(subscribe('1'))
    await receive('1', 'next')
    socket.terminate()
    await eventually(() => testApp.app.feed.watcherCount === 0)
    expect(dropped()).toEqual({})
  })

  it('is not one that only has nothing to say', async () => {
    const { socket } = await connectAndInit(await serve({ pingIntervalMs: 50 }))
    // ten pings
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(socket.readyState).toBe(socket.OPEN)
  })
})

describe('a client that asks for too much', () => {
  it('is cut off with all that it watches, for its number of operations', async () => {
    const { send, receive, closed } = await connectAndInit(await serve())
    send(subscribe('0'))
    await receive('0', 'next')
    for (let n = 1; n <= WEBSOCKET_OPERATIONS_MAX; n++) send(subscribe(String(n)))
    expect((await closed)[0]).toBe(1008)
    await eventually(() => testApp.app.feed.watcherCount === 0)
    const { 'too-many-operations': count, ...others } = dropped()
    expect(count).toBeGreaterThan(0)
    expect(others).toEqual({})
  })

  it('is cut off for what it has not read', async () => {
    const { send, receive, closed, socket } = await connectAndInit(await serve())
    send(subscribe('1'))
    await receive('1', 'next')
    const unread = vi.spyOn(WebSocket.prototype, 'bufferedAmount', 'get')
    onTestFinished(() => unread.mockRestore())
    unread.mockReturnValue(WEBSOCKET_UNREAD_MAX_BYTES + 1)
    expect(socket.bufferedAmount).toBeGreaterThan(WEBSOCKET_UNREAD_MAX_BYTES)
    send({ id: '2', type: 'subscribe', payload: { query: '{ __typename }' } })
    expect((await closed)[0]).toBe(1008)
    await eventually(() => testApp.app.feed.watcherCount === 0)
    expect(dropped()).toEqual({ 'slow-client': 1 })
  })
})

/** Why views were ended, and how many. */
function dropped(): Record<string, number> {
  const counts = Object.entries(testApp.app.feed.tallies.websocket.dropped)
  return Object.fromEntries(counts.filter(([, count]) => count > 0))
}
