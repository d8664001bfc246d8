import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pino } from 'pino'
import { onTestFinished } from 'vitest'
import WebSocket from 'ws'
import type { App } from '../../src/create-app.ts'
import { LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import { createGraphQLServer } from '../../src/http/graphql/graphql-server.ts'
import {
  serveGraphqlWebSocket,
  type WebSocketOptions,
} from '../../src/http/graphql/streams/graphql-websocket.ts'
import { CallsUnderWay } from '../../src/http/overload/calls-under-way.ts'
import { eventually } from './harness.ts'

// Both last until the test ends that asks for them.

/**
 * Serves GraphQL by WebSocket, and nothing else.
 *
 * @returns its address, and the lines of its log as they are written
 */
export async function serveWebSockets(
  app: App,
  options: Partial<WebSocketOptions> = {},
): Promise<{ url: string; logged: object[] }> {
  const logged: object[] = []
  const logger = pino({ level: 'debug' }, { write: (line) => logged.push(JSON.parse(line)) })
  const http = createServer()
  const close = serveGraphqlWebSocket(
    http,
    createGraphQLServer(app, { isAuthenticated: false, explorer: true }),
    {
      calls: new CallsUnderWay(() => {}),
      authenticate: () => LOCAL_OPERATOR,
      isAuthenticated: false,
      corsOrigins: [],
      logger,
      ...options,
    },
  )
  onTestFinished(async () => {
    await close()
    http.closeAllConnections()
    await new Promise((resolve) => http.close(resolve))
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  return { url: `ws://127.0.0.1:${(http.address() as AddressInfo).port}/graphql`, logged }
}

type ClientOptions = { protocols?: string | string[] } & WebSocket.ClientOptions

/** Opens a WebSocket. Its messages are kept as they come; `closed` gives the code and the reason. */
export function connectWebSocket(
  url: string,
  { protocols = 'graphql-transport-ws', ...options }: ClientOptions = {},
) {
  const socket = new WebSocket(url, protocols, options)
  onTestFinished(() => socket.terminate())
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

/** Opens one, says `connection_init`, and waits for the answer or the end. */
export async function connectAndInit(url: string, options?: ClientOptions) {
  const client = connectWebSocket(url, options)
  await client.opened
  client.send({ type: 'connection_init' })
  await Promise.race([client.receive(undefined, 'connection_ack'), client.closed])
  return client
}
