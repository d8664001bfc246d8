import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Authenticate } from '../../../../src/domain/caller.ts'
import { CallError } from '../../../../src/domain/errors.ts'
import { WEBSOCKETS_PER_CALLER_MAX } from '../../../../src/limits.ts'
import { createTestApp, eventually, type TestApp } from '../../../support/harness.ts'
import { rawCall } from '../../../support/raw-call.ts'
import { connectAndInit, connectWebSocket, serveWebSockets } from '../../../support/websocket-server.ts'

let testApp: TestApp
beforeAll(async () => {
  testApp = await createTestApp()
})
afterAll(() => testApp.close())

/** Believes whoever says who they are. */
const byName: Authenticate = (name) => ({ id: String(name), role: 'operator', expiresAt: null })

describe('who connects by WebSocket', () => {
  /** Believes nobody but Ada. */
  const onlyAda: Authenticate = (authorization) => {
    if (authorization !== 'Bearer ada') throw new CallError('UNAUTHENTICATED', 'The token is not valid')
    return { id: 'ada', role: 'operator', expiresAt: null }
  }
  const initWith = async (payload: unknown) => {
    const { url, logged } = await serveWebSockets(testApp.app, {
      authenticate: onlyAda,
      isAuthenticated: true,
    })
    const client = connectWebSocket(url)
    await client.opened
    client.send({ type: 'connection_init', payload })
    const acknowledged = client.receive(undefined, 'connection_ack').then((message) => message?.type)
    return { answer: await Promise.race([acknowledged, client.closed]), logged }
  }

  it.each([
    { authorization: 'Bearer ada' },
    { Authorization: 'Bearer ada' },
    { AUTHORIZATION: 'Bearer ada' },
    { headers: { Authorization: 'Bearer ada' } },
    { Headers: { authorization: 'Bearer ada' } },
  ])('is told by connectionParams of %j', async (payload) => {
    expect((await initWith(payload)).answer).toBe('connection_ack')
  })

  it.each([
    undefined,
    {},
    { authorization: 'Bearer bob' },
    { Authorization: 7 },
    { headers: { Authorization: ['Bearer ada'] } },
    { headers: 'Authorization: Bearer ada' },
  ])('is refused with a reason, and a line in the log, for %j', async (payload) => {
    const { answer, logged } = await initWith(payload)
    expect(answer).toEqual([4403, 'The token is not valid'])
    expect(logged).toMatchObject([
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
      const { url, logged } = await serveWebSockets(testApp.app)
      const { port } = new URL(url)
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
      expect(logged).toMatchObject([
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

describe('how many connect', () => {
  it(`one connection more than ${WEBSOCKETS_PER_CALLER_MAX} of a caller is closed with 1013, and others connect`, async () => {
    const { url } = await serveWebSockets(testApp.app, { authenticate: byName, isAuthenticated: true })
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
    const { url } = await serveWebSockets(testApp.app, { authenticate, isAuthenticated: true })
    const headers = { authorization: 'ada' }
    const left = Array.from({ length: WEBSOCKETS_PER_CALLER_MAX }, async () => {
      const { opened, send, socket, closed } = connectWebSocket(url, { headers })
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
    const { url } = await serveWebSockets(testApp.app)
    const many = await Promise.all(
      Array.from({ length: WEBSOCKETS_PER_CALLER_MAX + 20 }, () => connectAndInit(url)),
    )
    for (const { messages } of many) expect(messages).toEqual([{ type: 'connection_ack' }])
  })
})
