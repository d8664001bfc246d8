import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { type DocumentNode, GraphQLError } from 'graphql'
import { CloseCode, type ConnectionInitMessage } from 'graphql-ws'
import { useServer } from 'graphql-ws/use/ws'
import { WebSocketServer } from 'ws'
import { callAt } from '../call-at.ts'
import type { Authenticate, Caller } from '../domain/caller.ts'
import { CallError } from '../domain/errors.ts'
import {
  BODY_SIZE_MAX_BYTES,
  RETRY_AFTER_S,
  WEBSOCKET_CLOSE_TIMEOUT_MS,
  WEBSOCKET_OPERATIONS_MAX,
  WEBSOCKET_UNREAD_MAX_BYTES,
} from '../limits.ts'
import type { CallsUnderWay } from './calls-under-way.ts'
import { GRAPHQL_PATH, type GraphQLServer } from './graphql-server.ts'
import { isLoopbackHost } from './is-loopback-host.ts'
import { findPersistedDocument, type PersistedDocuments } from './persisted-documents.ts'
import { UNAVAILABLE_RESULT } from './unavailable-result.ts'

/** Close code of a server that goes away, by RFC 6455: clients come back, and find another or the next. */
const GOING_AWAY = 1001
/** Of a client that does what none may do. */
const POLICY_VIOLATION = 1008
/** Close code of a server that cannot tell now who calls, by RFC 6455's registry. Clients come back. */
const TRY_AGAIN_LATER = 1013

/** What is known of a connection. */
type Connection = { caller: Caller; forgetExpiry: () => void }

export type WebSocketOptions = {
  /** Asked once a connection, which is closed with 4403 where it refuses and once the token expires. */
  authenticate: Authenticate
  isAuthenticated: boolean
  /** The only documents that are run; undefined where any are. */
  persistedDocuments?: PersistedDocuments | undefined
}

/**
 * Serves GraphQL over WebSocket (`graphql-transport-ws`) on the path of GraphQL over HTTP.
 *
 * @param calls while they are too many, connections are refused as well
 * @returns what closes every connection, and lets no other in
 */
export function serveGraphqlWebSocket(
  http: Server,
  graphql: GraphQLServer,
  calls: CallsUnderWay,
  { authenticate, isAuthenticated, persistedDocuments }: WebSocketOptions,
): () => Promise<void> {
  let isClosing = false
  const sockets = new WebSocketServer({ noServer: true, maxPayload: BODY_SIZE_MAX_BYTES })
  http.on('upgrade', (request, socket, head) => {
    // not by URL, which throws on some of what a client can send: nobody catches that here
    const [path] = (request.url ?? '').split('?')
    if (path !== GRAPHQL_PATH) return refuse(socket, '404 Not Found')
    const isForThisMachine = isAuthenticated || isLoopbackHost(request.headers.host)
    if (!isForThisMachine || !isSameOrigin(request)) return refuse(socket, '403 Forbidden')
    if (isClosing || calls.isFull()) {
      if (!isClosing) calls.noteRefusal()
      return refuse(socket, `503 Service Unavailable\r\nRetry-After: ${RETRY_AFTER_S}`)
    }
    sockets.handleUpgrade(request, socket, head, (client) => sockets.emit('connection', client, request))
  })

  type Enveloped = Pick<ReturnType<GraphQLServer['getEnveloped']>, 'execute' | 'subscribe'>
  useServer<ConnectionInitMessage['payload'], Connection>(
    {
      // the reason of a close for an error of ours does not quote the error
      isProd: true,
      onConnect: async ({ connectionParams, extra }) => {
        const { request, socket } = extra
        const { authorization = request.headers.authorization } = connectionParams ?? {}
        try {
          extra.caller = await authenticate(typeof authorization === 'string' ? authorization : undefined)
        } catch (error) {
          if (!(error instanceof CallError)) throw error
          // closed by what follows, where nothing was said before
          if (error.code === 'UNAVAILABLE') socket.close(TRY_AGAIN_LATER, 'Try again later')
          return false
        }
        extra.forgetExpiry = callAt(extra.caller.expiresAt, () =>
          socket.close(CloseCode.Forbidden, 'Forbidden'),
        )
        // one that left meanwhile has nobody else to call it off
        if (socket.readyState !== socket.OPEN) extra.forgetExpiry()
        return true
      },
      onClose: ({ extra }) => extra.forgetExpiry?.(),
      // the enveloped functions, and not those of graphql-js: they hide from callers what these would show
      execute: (args) => (args.rootValue as Enveloped).execute(args),
      subscribe: (args) => (args.rootValue as Enveloped).subscribe(args),
      onSubscribe: async (context, _id, params) => {
        const { socket, request } = context.extra
        const operations = Object.keys(context.subscriptions).length
        if (operations > WEBSOCKET_OPERATIONS_MAX || socket.bufferedAmount > WEBSOCKET_UNREAD_MAX_BYTES) {
          socket.close(POLICY_VIOLATION, 'Too much under way on one connection')
        }
        // what it sends after that is not looked at
        if (socket.readyState !== socket.OPEN) return UNAVAILABLE_RESULT.errors
        const { schema, execute, subscribe, contextFactory, parse, validate } = graphql.getEnveloped({
          request,
          address: request.socket.remoteAddress,
          params,
          caller: context.extra.caller,
        })
        const document = orErrors(() =>
          parse(persistedDocuments ? findPersistedDocument(persistedDocuments, params) : params.query),
        )
        if (Array.isArray(document)) return document
        const errors = validate(schema, document)
        if (errors.length > 0) return errors
        return {
          schema,
          document,
          operationName: params.operationName,
          variableValues: params.variables,
          contextValue: await contextFactory(),
          rootValue: { execute, subscribe } satisfies Enveloped,
        }
      },
    },
    sockets,
  )

  return async () => {
    isClosing = true
    for (const client of sockets.clients) client.close(GOING_AWAY, 'Going away')
    sockets.close()
    // a client that does not answer the close would hold the server's own
    setTimeout(() => {
      for (const client of sockets.clients) client.terminate()
    }, WEBSOCKET_CLOSE_TIMEOUT_MS).unref()
  }
}

function refuse(socket: Duplex, status: string): void {
  // nobody else listens: unheard, a client that hangs up first ends the process
  socket.on('error', () => socket.destroy())
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`)
}

/**
 * Whether the client is a page of this server, or no page. A browser lets any page of the web connect to any address,
 * and says only here which page it is.
 */
function isSameOrigin({ headers: { origin, host } }: IncomingMessage): boolean {
  return origin === undefined || origin.replace(/^https?:\/\//, '') === host
}

/** The document, or what is wrong with it: thrown, it would close the connection and every other operation on it. */
function orErrors(parse: () => DocumentNode): DocumentNode | readonly GraphQLError[] {
  try {
    return parse()
  } catch (error) {
    if (error instanceof GraphQLError) return [error]
    throw error
  }
}
