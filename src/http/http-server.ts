import { createServer, type RequestListener, type Server } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { type FastifyBaseLogger, type FastifyInstance, fastify, LogController } from 'fastify'
import type { Registry } from 'prom-client'
import { type Authenticate, LOCAL_OPERATOR } from '../domain/caller.ts'
import { CallError } from '../domain/errors.ts'
import type { OrderFeed } from '../feed/order-feed.ts'
import type { StockFeed } from '../feed/stock-feed.ts'
import {
  BODY_SIZE_MAX_BYTES,
  CONNECTIONS_MAX,
  IDLE_TIMEOUT_MS,
  KEEP_ALIVE_TIMEOUT_MS,
  REQUEST_CHECK_INTERVAL_MS,
  REQUEST_TIMEOUT_MS,
  STREAMS_PER_CALLER_MAX,
} from '../limits.ts'
import { supplierSimulator } from '../supplier/simulator.ts'
import type { ApiOptions } from './api-options.ts'
import { consoleRoutes } from './console/console-routes.ts'
import { frontDoor } from './front-door.ts'
import { graphqlRoutes } from './graphql/graphql-routes.ts'
import { createGraphQLServer, GRAPHQL_PATH, type GraphQLServerContext } from './graphql/graphql-server.ts'
import { serveGraphqlWebSocket } from './graphql/streams/graphql-websocket.ts'
import { type HealthContext, healthRoutes, type ReadinessCheck } from './health.ts'
import { CountByKey } from './overload/count-by-key.ts'
import { guardCalls } from './overload/guard-calls.ts'
import { isLoopbackHost, LOCAL_NAMES_ONLY } from './requests/is-foreign-page.ts'
import { refuseBrokenRequest } from './requests/refuse-broken-request.ts'
import { collectMethods } from './requests/refuse-other-methods.ts'
import { REQUEST_ID_HEADER, type RequestTracing } from './requests/request-id.ts'
import { answerFrameworkError, answerNotFound, answerWithProblem, ProblemError } from './rest/problem.ts'
import { REST_PATH, type RestContext, restApi } from './rest/rest-api.ts'

/** How soon the last client's leaving is noticed. */
const DISCONNECT_POLL_MS = 20

export type HttpApp = HealthContext &
  RestContext &
  GraphQLServerContext & {
    metrics: Registry
    feed: Pick<OrderFeed, 'failViews'>
    stockFeed: Pick<StockFeed, 'stop'>
    tracing?: RequestTracing | undefined
  }

export type HttpServerOptions = Omit<ApiOptions, 'authenticate' | 'isAuthenticated' | 'streams'> & {
  /** Whether GraphQL and REST are served, and not health and metrics alone. */
  servesApis: boolean
  /** Tells who calls. Without it everyone is the local operator, and nobody may call but from this machine. */
  authenticate?: Authenticate | undefined
  simulatesSupplier: boolean
  readinessChecks: Record<string, ReadinessCheck>
  /** How long it still answers, once it is to close, and tells callers to leave. */
  leaveTimeoutMs?: number
}

/** Puts together everything that is served over HTTP. It listens once `listen` is called; `close` ends every stream. */
export async function createHttpServer(app: HttpApp, options: HttpServerOptions): Promise<FastifyInstance> {
  const { leaveTimeoutMs = 0, authenticate = () => LOCAL_OPERATOR } = options
  const isAuthenticated = options.authenticate !== undefined
  const loggerInstance: FastifyBaseLogger = app.logger
  let isClosing = false
  const http = fastify({
    // a server of ours takes no limits from Fastify
    serverFactory: (handle) => {
      const listener = frontDoor(
        options,
        guardCalls(app.calls, () => isClosing, handle as RequestListener),
      )
      const server = createServer(
        {
          requestTimeout: REQUEST_TIMEOUT_MS,
          connectionsCheckingInterval: REQUEST_CHECK_INTERVAL_MS,
          keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
          // of all that a client may offer to speak instead; Java's asks for HTTP/2 with every call
          shouldUpgradeCallback: ({ headers: { upgrade } }) => upgrade?.toLowerCase() === 'websocket',
        },
        listener,
      )
      // Node would answer an expectation that it does not know before anybody looks at the call
      return server.on('checkExpectation', listener)
    },
    clientErrorHandler: refuseBrokenRequest,
    bodyLimit: BODY_SIZE_MAX_BYTES,
    loggerInstance,
    requestIdHeader: REQUEST_ID_HEADER,
    // what happened to orders is logged as it happens; a line for each request would drown it
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
    frameworkErrors: answerFrameworkError,
    // what reaches a server that closes is answered, with `Connection: close`
    return503OnClosing: false,
  })
  const refuseOtherMethods = collectMethods(http)
  const { tracing } = app
  if (tracing) {
    http.addHook('onRequest', async ({ routeOptions: { url } }) => {
      if (url !== undefined) tracing.route(url)
    })
  }
  // thrown: each API refuses in its own words
  http.addHook('onRequest', async (request) => {
    if (isAuthenticated || isLoopbackHost(request.headers.host)) return
    throw new CallError('FORBIDDEN', LOCAL_NAMES_ONLY)
  })
  // before the body is read; below REST's path a caller is asked who it is first
  http.addHook('onRequest', async ({ is404, url }) => {
    if (is404 && !url.startsWith(`${REST_PATH}/`)) throw new ProblemError('NOT_FOUND')
  })
  // what has no handler of its own: Fastify's would show the error's message
  http.setErrorHandler(answerWithProblem)
  http.setNotFoundHandler(answerNotFound)
  http.server.maxConnections = CONNECTIONS_MAX
  http.server.timeout = IDLE_TIMEOUT_MS
  const readinessChecks = { ...options.readinessChecks, open: () => !isClosing }
  http.addHook('preClose', async () => {
    isClosing = true
  })
  await http.register(healthRoutes(app, readinessChecks))
  http.get('/metrics', async (_request, reply) => {
    reply.type(app.metrics.contentType)
    return app.metrics.metrics()
  })
  if (options.simulatesSupplier) await http.register(supplierSimulator)
  if (options.servesApis) {
    const streams = new CountByKey(STREAMS_PER_CALLER_MAX)
    const api = { ...options, authenticate, isAuthenticated, streams }
    const graphql = createGraphQLServer(app, api)
    if (options.explorer)
      http.get('/', { schema: { hide: true } }, (_request, reply) => reply.redirect(GRAPHQL_PATH))
    if (options.servesConsole) await http.register(await consoleRoutes())
    await http.register(graphqlRoutes(graphql, api))
    await http.register(restApi(app, api))
    // before views fail: the close of a WebSocket says it all
    http.addHook(
      'preClose',
      serveGraphqlWebSocket(http.server, graphql, { ...api, calls: app.calls, logger: app.logger }),
    )
  }
  await http.register(refuseOtherMethods)
  http.addHook('preClose', async () => {
    app.feed.failViews()
    app.stockFeed.stop()
    await untilDisconnected(http.server, leaveTimeoutMs)
    closeWhenIdle(http.server)
  })
  return http
}

/** Node closes those connections that are idle when a server closes, and would keep those that become idle later. */
function closeWhenIdle(server: Server): void {
  if (!server.listening) return
  const timer = setInterval(() => server.closeIdleConnections(), DISCONNECT_POLL_MS)
  server.once('close', () => clearInterval(timer))
}

/**
 * Waits until every client has left, or the time is over. Calls that come meanwhile are answered with `Connection:
 * close`. Closed at once, a connection that looks idle would take with it the call that is on its way.
 */
async function untilDisconnected(server: Server, timeoutMs: number): Promise<void> {
  const countConnections = promisify(server.getConnections.bind(server))
  for (const deadline = performance.now() + timeoutMs; performance.now() < deadline; ) {
    if ((await countConnections()) === 0) return
    await sleep(DISCONNECT_POLL_MS)
  }
}
