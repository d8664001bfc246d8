import { type FastifyBaseLogger, type FastifyInstance, fastify, LogController } from 'fastify'
import type { App } from '../app.ts'
import { answerFrameworkError } from '../rest/problem.ts'
import { restApi } from '../rest/rest-api.ts'
import { supplierSimulator } from '../supplier/simulator.ts'
import { graphqlRoutes } from './graphql-routes.ts'
import { BODY_SIZE_MAX_BYTES, createGraphQLServer, GRAPHQL_PATH } from './graphql-server.ts'
import { serveGraphqlWebSocket } from './graphql-websocket.ts'
import { healthRoutes, type ReadinessCheck } from './health.ts'
import { isLoopbackHost } from './is-loopback-host.ts'
import { metricsRoute } from './metrics.ts'

/** 100 kB over a slow line. A request that is never finished would hold its connection, and a stop of the server. */
const REQUEST_TIMEOUT_MS = 10_000

export type HttpServerOptions = {
  /** Whether GraphQL and REST are served, and not health and metrics alone. */
  servesApis: boolean
  /** Whether the supplier's two paths are played here. */
  simulatesSupplier: boolean
  readinessChecks: Record<string, ReadinessCheck>
}

/** Puts together everything that is served over HTTP. It listens once `listen` is called; `close` ends every stream. */
export async function createHttpServer(app: App, options: HttpServerOptions): Promise<FastifyInstance> {
  const loggerInstance: FastifyBaseLogger = app.logger
  const http = fastify({
    bodyLimit: BODY_SIZE_MAX_BYTES,
    loggerInstance,
    // what happened to orders is logged as it happens; a line for each request would drown it
    logController: new LogController({ disableRequestLogging: true }),
    frameworkErrors: answerFrameworkError,
    requestTimeout: REQUEST_TIMEOUT_MS,
  })
  http.addHook('onRequest', async (request, reply) => {
    if (isLoopbackHost(request.headers.host)) return
    await reply
      .status(403)
      .send({ error: 'Without authentication, call by the name localhost or by 127.0.0.1' })
  })
  await http.register(healthRoutes(app, options.readinessChecks))
  await http.register(metricsRoute(app))
  if (options.simulatesSupplier) await http.register(supplierSimulator)
  if (options.servesApis) {
    const graphql = createGraphQLServer(app)
    http.get('/', { schema: { hide: true } }, (_request, reply) => reply.redirect(GRAPHQL_PATH))
    await http.register(graphqlRoutes(graphql))
    await http.register(restApi(app))
    const closeWebSockets = serveGraphqlWebSocket(http.server, graphql)
    http.addHook('preClose', async () => {
      // streams first: a server that waits for its requests would wait for them for ever
      // WebSockets before views: their close says it all
      await closeWebSockets()
      app.feed.failViews()
    })
  }
  return http
}
