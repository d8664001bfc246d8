import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { type DocumentNode, GraphQLError } from 'graphql'
import { CloseCode, type Context, handleProtocols, makeServer } from 'graphql-ws'
import type { Logger } from 'pino'
import { WebSocketServer } from 'ws'
import { callAt } from '../../../call-at.ts'
import type { Authenticate } from '../../../domain/caller.ts'
import { CallError } from '../../../domain/errors.ts'
import type { DropReason } from '../../../feed/watch-tally.ts'
import {
  BODY_SIZE_MAX_BYTES,
  RETRY_AFTER_S,
  WEBSOCKET_CLOSE_TIMEOUT_MS,
  WEBSOCKET_INIT_TIMEOUT_MS,
  WEBSOCKET_OPERATIONS_MAX,
  WEBSOCKET_PING_INTERVAL_MS,
  WEBSOCKET_UNREAD_MAX_BYTES,
  WEBSOCKETS_PER_CALLER_MAX,
} from '../../../limits.ts'
import type { ApiOptions } from '../../api-options.ts'
import { FOREIGN_PAGE } from '../../front-door.ts'
import type { CallsUnderWay } from '../../overload/calls-under-way.ts'
import { CountByKey, connectionKeyOf } from '../../overload/count-by-key.ts'
import { takeCanonicalUrl } from '../../requests/canonical-url.ts'
import { endAndDrop } from '../../requests/drop-unread-body.ts'
import {
  canonicalOrigin,
  isForeignPage,
  isLoopbackHost,
  LOCAL_NAMES_ONLY,
} from '../../requests/is-foreign-page.ts'
import { readRequestId, takeRequestId } from '../../requests/request-id.ts'
import {
  asSeen,
  codedError,
  type GraphQLErrorCode,
  OVERLOADED,
  UNAVAILABLE_RESULT,
} from '../graphql-errors.ts'
import { GRAPHQL_PATH, type GraphQLServer } from '../graphql-server.ts'
import { findPersistedDocument, refusePersisted } from '../persisted-documents.ts'
import { attachWebSocket, type Connection, refuseSocket } from './attach-websocket.ts'

/** Close code of a server that goes away, by RFC 6455: clients come back, and find another or the next. */
const GOING_AWAY = 1001
/** Of a client that does what none may do. */
const POLICY_VIOLATION = 1008
/** Where nobody can tell now who calls, or the caller has too many connections. By RFC 6455's registry; clients come back. */
const TRY_AGAIN_LATER = 1013

type Params = Record<string, unknown>
type Enveloped = Pick<ReturnType<GraphQLServer['getEnveloped']>, 'execute' | 'subscribe'>

export type WebSocketOptions = Omit<ApiOptions, 'explorer'> & {
  /** While they are too many, connections are refused as well. */
  calls: CallsUnderWay
  logger: Logger
  pingIntervalMs?: number
}

/**
 * Serves GraphQL over WebSocket (`graphql-transport-ws`) on the path of GraphQL over HTTP. Who calls is asked once a
 * connection, which is closed with 4403 where the caller is refused and once the token expires.
 *
 * @returns what closes every connection, and lets no other in
 */
export function serveGraphqlWebSocket(
  http: Server,
  graphql: GraphQLServer,
  options: WebSocketOptions,
): () => Promise<void> {
  const { calls, authenticate, isAuthenticated, persistedDocuments, logger } = options
  const corsOrigins = options.corsOrigins.map(canonicalOrigin)
  const { pingIntervalMs = WEBSOCKET_PING_INTERVAL_MS } = options
  let isClosing = false
  const connections = new CountByKey(WEBSOCKETS_PER_CALLER_MAX)
  const sockets = new WebSocketServer({ noServer: true, maxPayload: BODY_SIZE_MAX_BYTES, handleProtocols })
  sockets.on('headers', (headers, request) => headers.push(requestIdLine(request)))
  const refuseUpgrade = (request: IncomingMessage, socket: Duplex, refusal: UpgradeRefusal) => {
    const { status, code, message, headers = [] } = refusal
    // those of an overload are counted, and logged together
    if (status !== 503)
      logger.info({ status, reason: message, requestId: readRequestId(request) }, 'WebSocket refused')
    // a browser shows none of it, all others do
    endAndDrop(
      socket,
      status,
      [requestIdLine(request), ...headers, 'Content-Type: application/json; charset=utf-8'],
      { errors: [codedError(message, code)] },
    )
  }
  sockets.on('wsClientError', ({ message }, socket, request) =>
    refuseUpgrade(request, socket, {
      status: 400,
      message,
      code: 'BAD_REQUEST',
      headers: ['Sec-WebSocket-Version: 13'],
    }),
  )
  http.on('upgrade', (request, socket, head) => {
    takeCanonicalUrl(request)
    takeRequestId(request)
    const refuse = (refusal: UpgradeRefusal) => refuseUpgrade(request, socket, refusal)
    // not by URL, which throws on some of what a client can send: nobody catches that here
    const [path] = (request.url ?? '').split('?')
    if (path !== GRAPHQL_PATH)
      return refuse({ status: 404, code: 'NOT_FOUND', message: `WebSockets are served at ${GRAPHQL_PATH}` })
    if (!isAuthenticated && !isLoopbackHost(request.headers.host))
      return refuse({ status: 403, code: 'FORBIDDEN', message: LOCAL_NAMES_ONLY })
    if (isForeignPage(request, corsOrigins))
      return refuse({ status: 403, code: 'FORBIDDEN', message: FOREIGN_PAGE })
    if (isClosing || calls.isFull()) {
      if (!isClosing) calls.noteRefusal()
      const headers = [`Retry-After: ${RETRY_AFTER_S}`]
      return refuse({ status: 503, code: 'UNAVAILABLE', message: OVERLOADED, headers })
    }
    sockets.handleUpgrade(request, socket, head, (client) =>
      open({ socket: client, request, cutOff: new AbortController() }),
    )
  })

  const server = makeServer<Params, Connection>({
    connectionInitWaitTimeout: WEBSOCKET_INIT_TIMEOUT_MS,
    onConnect: (context) => letIn(context, authenticate, connections, logger),
    // the enveloped functions, and not those of graphql-js: they hide from callers what these would show
    execute: (args) => (args.rootValue as Enveloped).execute(args),
    subscribe: (args) => (args.rootValue as Enveloped).subscribe(args),
    onError: (_context, _id, _params, errors) => errors.map((error) => asSeen(error).toJSON()),
    onSubscribe: async (context, _id, params) => {
      const { socket, request, caller, cutOff } = context.extra
      const excess = excessOf(context)
      if (excess) {
        cutOff.abort(excess)
        refuseSocket(context.extra, logger, POLICY_VIOLATION, 'Too much under way on one connection')
      }
      // what it sends after that is not looked at
      if (socket.readyState !== socket.OPEN) return UNAVAILABLE_RESULT.errors
      const { schema, execute, subscribe, contextFactory, parse, validate } = graphql.getEnveloped({
        request,
        address: request.socket.remoteAddress,
        transport: 'websocket',
        params,
        caller,
        disconnected: cutOff.signal,
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
  logger: Logger,
): Promise<boolean> {
  const { socket, request } = extra
  const refuse = (code: number, reason: string) => {
    refuseSocket(extra, logger, code, reason)
    return false
  }
  try {
    extra.caller = await authenticate(findAuthorization(connectionParams) ?? request.headers.authorization)
  } catch (error) {
    if (!(error instanceof CallError)) throw error
    return refuse(error.code === 'UNAVAILABLE' ? TRY_AGAIN_LATER : CloseCode.Forbidden, error.message)
  }
  // one that left meanwhile would never give anything back
  if (socket.readyState !== socket.OPEN) return false
  const giveBack = connections.take(connectionKeyOf(extra.caller))
  if (!giveBack) return refuse(TRY_AGAIN_LATER, 'Too many connections')
  socket.once('close', giveBack)
  const expire = () => refuse(CloseCode.Forbidden, 'The token has expired')
  socket.once('close', callAt(extra.caller.expiresAt, expire))
  return true
}

/**
 * What `connectionParams` say in the place of the Authorization header, which pages cannot set: under that name in any case,
 * itself or among `headers`, where some clients put it. Empty, and so refused, for what is no text.
 */
function findAuthorization(params: unknown): string | undefined {
  if (typeof params !== 'object' || params === null) return undefined
  const find = (sought: string) => Object.entries(params).find(([name]) => name.toLowerCase() === sought)?.[1]
  const authorization = find('authorization')
  if (authorization != null) return typeof authorization === 'string' ? authorization : ''
  return findAuthorization(find('headers'))
}

/** Whether a client has too much under way, the operation in question among it, or does not read what it asked for. */
function excessOf({ subscriptions, extra }: Context<Params, Connection>): DropReason | undefined {
  if (Object.keys(subscriptions).length > WEBSOCKET_OPERATIONS_MAX) return 'too-many-operations'
  return extra.socket.bufferedAmount > WEBSOCKET_UNREAD_MAX_BYTES ? 'slow-client' : undefined
}

function requestIdLine(request: IncomingMessage): string {
  return `X-Request-Id: ${readRequestId(request)}`
}

type UpgradeRefusal = {
  status: number
  code: GraphQLErrorCode
  message: string
  /** Header lines. */
  headers?: readonly string[]
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
