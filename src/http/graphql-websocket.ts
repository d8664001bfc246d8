import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { type DocumentNode, GraphQLError } from 'graphql'
import { CloseCode, type Context, handleProtocols, makeServer } from 'graphql-ws'
import { WebSocketServer } from 'ws'
import { callAt } from '../call-at.ts'
import type { Authenticate } from '../domain/caller.ts'
import { CallError } from '../domain/errors.ts'
import type { DropReason } from '../feed/watch-tally.ts'
import {
  BODY_SIZE_MAX_BYTES,
  RETRY_AFTER_S,
  WEBSOCKET_CLOSE_TIMEOUT_MS,
  WEBSOCKET_INIT_TIMEOUT_MS,
  WEBSOCKET_OPERATIONS_MAX,
  WEBSOCKET_PING_INTERVAL_MS,
  WEBSOCKET_UNREAD_MAX_BYTES,
  WEBSOCKETS_PER_CALLER_MAX,
} from '../limits.ts'
import type { Logger } from '../observability/logger.ts'
import { attachWebSocket, type Connection } from './attach-websocket.ts'
import type { CallsUnderWay } from './calls-under-way.ts'
import { CountByKey, connectionKeyOf } from './count-by-key.ts'
import { asSeen } from './errors.ts'
import { GRAPHQL_PATH, type GraphQLServer } from './graphql-server.ts'
import { isForeignPage } from './is-foreign-page.ts'
import { isLoopbackHost } from './is-loopback-host.ts'
import { findPersistedDocument, type PersistedDocuments, refusePersisted } from './persisted-documents.ts'
import { readRequestId, takeRequestId } from './request-id.ts'
import { UNAVAILABLE_RESULT } from './unavailable-result.ts'

/** Close code of a server that goes away, by RFC 6455: clients come back, and find another or the next. */
const GOING_AWAY = 1001
/** Of a client that does what none may do. */
const POLICY_VIOLATION = 1008
/** Where nobody can tell now who calls, or the caller has too many connections. By RFC 6455's registry; clients come back. */
const TRY_AGAIN_LATER = 1013

type Params = Record<string, unknown>
type Enveloped = Pick<ReturnType<GraphQLServer['getEnveloped']>, 'execute' | 'subscribe'>

export type WebSocketOptions = {
  /** While they are too many, connections are refused as well. */
  calls: CallsUnderWay
  /** Asked once a connection, which is closed with 4403 where it refuses and once the token expires. */
  authenticate: Authenticate
  isAuthenticated: boolean
  /** Sites, besides this server itself, whose pages may connect. */
  corsOrigins: readonly string[]
  /** The only documents that are run; undefined where any are. */
  persistedDocuments?: PersistedDocuments | undefined
  logger: Logger
  pingIntervalMs?: number
}

/**
 * Serves GraphQL over WebSocket (`graphql-transport-ws`) on the path of GraphQL over HTTP.
 *
 * @returns what closes every connection, and lets no other in
 */
export function serveGraphqlWebSocket(
  http: Server,
  graphql: GraphQLServer,
  options: WebSocketOptions,
): () => Promise<void> {
  const { calls, authenticate, isAuthenticated, corsOrigins, persistedDocuments, logger } = options
  const { pingIntervalMs = WEBSOCKET_PING_INTERVAL_MS } = options
  let isClosing = false
  const connections = new CountByKey(WEBSOCKETS_PER_CALLER_MAX)
  const sockets = new WebSocketServer({ noServer: true, maxPayload: BODY_SIZE_MAX_BYTES, handleProtocols })
  sockets.on('headers', (headers, request) => headers.push(requestIdLine(request)))
  http.on('upgrade', (request, socket, head) => {
    takeRequestId(request)
    const refuse = (status: string) => refuseUpgrade(socket, `${status}\r\n${requestIdLine(request)}`)
    // not by URL, which throws on some of what a client can send: nobody catches that here
    const [path] = (request.url ?? '').split('?')
    if (path !== GRAPHQL_PATH) return refuse('404 Not Found')
    const isForThisMachine = isAuthenticated || isLoopbackHost(request.headers.host)
    if (!isForThisMachine || isForeignPage(request, corsOrigins)) return refuse('403 Forbidden')
    if (isClosing || calls.isFull()) {
      if (!isClosing) calls.noteRefusal()
      return refuse(`503 Service Unavailable\r\nRetry-After: ${RETRY_AFTER_S}`)
    }
    sockets.handleUpgrade(request, socket, head, (client) =>
      open({ socket: client, request, cutOff: new AbortController() }),
    )
  })

  const server = makeServer<Params, Connection>({
    connectionInitWaitTimeout: WEBSOCKET_INIT_TIMEOUT_MS,
    onConnect: (context) => letIn(context, authenticate, connections),
    // the enveloped functions, and not those of graphql-js: they hide from callers what these would show
    execute: (args) => (args.rootValue as Enveloped).execute(args),
    subscribe: (args) => (args.rootValue as Enveloped).subscribe(args),
    onError: (_context, _id, _params, errors) => errors.map((error) => asSeen(error).toJSON()),
    onSubscribe: async (context, _id, params) => {
      const { socket, request, caller, cutOff } = context.extra
      const excess = excessOf(context)
      if (excess) {
        cutOff.abort(excess)
        socket.close(POLICY_VIOLATION, 'Too much under way on one connection')
      }
      // what it sends after that is not looked at
      if (socket.readyState !== socket.OPEN) return UNAVAILABLE_RESULT.errors
      const { schema, execute, subscribe, contextFactory, parse, validate } = graphql.getEnveloped({
        request,
        address: request.socket.remoteAddress,
        transport: 'websocket',
        params,
        caller,
        left: cutOff.signal,
      })
      const document = orErrors(() => {
        if (persistedDocuments) return parse(findPersistedDocument(persistedDocuments, params))
        refusePersisted(params)
        return parse(params.query)
      })
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
  })
  const open = (connection: Connection) => attachWebSocket(server, connection, { pingIntervalMs, logger })

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

/** Learns who opened a connection, and whether it may stay: until its token expires, and among not too many of its own. */
async function letIn(
  { connectionParams, extra }: Context<Params, Connection>,
  authenticate: Authenticate,
  connections: CountByKey,
): Promise<boolean> {
  const { socket, request } = extra
  const { authorization = request.headers.authorization } = connectionParams ?? {}
  try {
    extra.caller = await authenticate(typeof authorization === 'string' ? authorization : undefined)
  } catch (error) {
    if (!(error instanceof CallError)) throw error
    // closed by what follows, where nothing was said before
    if (error.code === 'UNAVAILABLE') socket.close(TRY_AGAIN_LATER, 'Try again later')
    return false
  }
  // one that left meanwhile would never give anything back
  if (socket.readyState !== socket.OPEN) return false
  const giveBack = connections.take(connectionKeyOf(extra.caller))
  if (!giveBack) {
    socket.close(TRY_AGAIN_LATER, 'Too many connections')
    return false
  }
  socket.once('close', giveBack)
  const expire = () => socket.close(CloseCode.Forbidden, 'Forbidden')
  socket.once('close', callAt(extra.caller.expiresAt, expire))
  return true
}

/** Whether a client has too much under way, the operation in question among it, or does not read what it asked for. */
function excessOf({ subscriptions, extra }: Context<Params, Connection>): DropReason | undefined {
  if (Object.keys(subscriptions).length > WEBSOCKET_OPERATIONS_MAX) return 'too-many-operations'
  return extra.socket.bufferedAmount > WEBSOCKET_UNREAD_MAX_BYTES ? 'slow-client' : undefined
}

function requestIdLine(request: IncomingMessage): string {
  return `X-Request-Id: ${readRequestId(request)}`
}

/** @param head status, and header lines */
function refuseUpgrade(socket: Duplex, head: string): void {
  // nobody else listens: unheard, a client that hangs up first ends the process
  socket.on('error', () => socket.destroy())
  socket.end(`HTTP/1.1 ${head}\r\nConnection: close\r\n\r\n`)
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
