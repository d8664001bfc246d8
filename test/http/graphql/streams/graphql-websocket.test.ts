import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import WebSocket from 'ws'
import { createWatchTally } from '../../../../src/feed/watch-tally.ts'
import { WEBSOCKET_OPERATIONS_MAX, WEBSOCKET_UNREAD_MAX_BYTES } from '../../../../src/limits.ts'
import { createTestApp, eventually, seed, type TestApp } from '../../../support/harness.ts'
import { connectAndInit, connectWebSocket, serveWebSockets } from '../../../support/websocket-server.ts'

const WATCH = 'subscription ($id: ID!) { orderStatusChanged(id: $id) { version } }'

let testApp: TestApp
let orderId: string
beforeAll(async () => {
  testApp = await createTestApp()
  await seed(testApp.app).item({ sku: 'BOLT' })
  orderId = (await seed(testApp.app).order({ sku: 'BOLT' })).id
})
afterAll(() => testApp.close())
afterEach(() => {
  Object.assign(testApp.app.feed.tallies.websocket.dropped, createWatchTally().dropped)
  vi.restoreAllMocks()
})

/** Connects to a server of its own. */
const open = async (
  client: Parameters<typeof connectWebSocket>[1] = {},
  server: Parameters<typeof serveWebSockets>[1] = {},
) => connectAndInit((await serveWebSockets(testApp.app, server)).url, client)

const subscribe = (id: string, query = WATCH) => ({
  id,
  type: 'subscribe',
  payload: { query, variables: { id: orderId } },
})

describe('a client without manners', () => {
  it('that says nothing for 3 s is closed with 4408', async () => {
    const { url } = await serveWebSockets(testApp.app)
    const startedAt = performance.now()
    const { closed } = connectWebSocket(url)
    expect(await closed).toEqual([4408, 'Connection initialisation timeout'])
    expect(performance.now() - startedAt).toBeGreaterThan(2_900)
  })

  it('that subscribes before its init is closed with 4401, and its operation does not run', async () => {
    const { url } = await serveWebSockets(testApp.app)
    const { opened, send, closed, messages } = connectWebSocket(url)
    await opened
    send(subscribe('1'))
    expect(await closed).toEqual([4401, 'Unauthorized'])
    expect(messages).toEqual([])
    expect(testApp.app.feed.watcherCount).toBe(0)
  })

  it('that says init twice is closed with 4429', async () => {
    const { send, closed } = await open()
    send({ type: 'connection_init' })
    expect(await closed).toEqual([4429, 'Too many initialisation requests'])
  })

  it('that uses an id twice is closed with 4409, and nothing of it is watched any more', async () => {
    const { send, receive, closed } = await open()
    send(subscribe('1'))
    await receive('1', 'next')
    send(subscribe('1'))
    expect((await closed)[0]).toBe(4409)
    await eventually(() => testApp.app.feed.watcherCount === 0)
  })

  it.each(['', 'not JSON', '[]', '{}', '{"type":"nonsense"}', '{"type":"subscribe"}'])(
    'that sends %j is closed with 4400',
    async (message) => {
      const { send, closed } = await open()
      send(message)
      expect(await closed).toEqual([4400, 'Invalid message received'])
    },
  )

  it('that speaks no protocol is closed with 4406', async () => {
    const { url } = await serveWebSockets(testApp.app)
    const { closed } = connectWebSocket(url, { protocols: [] })
    expect(await closed).toEqual([4406, 'Subprotocol not acceptable'])
  })

  it('that speaks as a server would is closed', async () => {
    const { send, closed } = await open()
    send({ type: 'connection_ack' })
    expect(await closed).toEqual([4500, 'Internal server error'])
  })

  it('that sends too large a frame, or none at all, is closed, and prints nothing on the console', async () => {
    const { url, logged } = await serveWebSockets(testApp.app)
    const printed = [vi.spyOn(console, 'error'), vi.spyOn(console, 'warn')]
    const large = await connectAndInit(url)
    large.send({ type: 'ping', payload: { secret: 'x'.repeat(100_001) } })
    expect((await large.closed)[0]).toBe(1009)

    const raw = await connectAndInit(url)
    const { _socket } = raw.socket as unknown as { _socket: NodeJS.WritableStream }
    _socket.write(Buffer.from([0xff, 0xff, 0xff, 0xff]))
    expect((await raw.closed)[0]).toBe(1002)
    for (const print of printed) expect(print).not.toHaveBeenCalled()
    expect(logged).toMatchObject([
      {
        level: 30,
        requestId: expect.stringMatching(/./),
        err: { code: 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH' },
      },
      { level: 30, requestId: expect.stringMatching(/./) },
    ])
  })
})

describe('a peer that is gone', () => {
  it('is noticed, and its subscriptions end', async () => {
    const { send, receive, closed } = await open({ autoPong: false }, { pingIntervalMs: 100 })
    send(subscribe('1'))
    await receive('1', 'next')
    expect((await closed)[0]).toBe(1006)
    await eventually(() => testApp.app.feed.watcherCount === 0)
    expect(dropped()).toEqual({ unresponsive: 1 })
  })

  it('is not one that leaves', async () => {
    const { send, receive, socket } = await open()
    send(subscribe('1'))
    await receive('1', 'next')
    socket.terminate()
    await eventually(() => testApp.app.feed.watcherCount === 0)
    expect(dropped()).toEqual({})
  })

  it('is not one that only has nothing to say', async () => {
    const { socket } = await open({}, { pingIntervalMs: 50 })
    // ten pings
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(socket.readyState).toBe(socket.OPEN)
  })
})

describe('a client that asks for too much', () => {
  it('is cut off with all that it watches, for its number of operations', async () => {
    const { send, receive, closed } = await open()
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
    const { send, receive, closed, socket } = await open()
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
