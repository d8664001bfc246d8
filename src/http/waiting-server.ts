import { createServer, type RequestListener } from 'node:http'
import { fastify } from 'fastify'
import { CallError } from '../domain/errors.ts'
import { RETRY_AFTER_S } from '../limits.ts'
import type { WebOptions } from './api-options.ts'
import { frontDoor } from './front-door.ts'
import { codedError, DATABASE_AWAY } from './graphql/graphql-errors.ts'
import { GRAPHQL_PATH } from './graphql/graphql-server.ts'
import { refuseBrokenRequest } from './requests/refuse-broken-request.ts'
import { answerWithProblem } from './rest/problem.ts'

/**
 * Serves what can be served without a database: that the process lives, and that it is not ready. Every call is answered
 * that the database is away.
 *
 * @returns what ends it, and frees the port
 */
export async function serveWhileWaiting(
  at: { host: string; port: number },
  web: WebOptions,
): Promise<() => Promise<void>> {
  const http = fastify({
    forceCloseConnections: true,
    serverFactory: (handle) => createServer(frontDoor(web, handle as RequestListener)),
    clientErrorHandler: refuseBrokenRequest,
  })
  http.get('/health/live', async () => ({ status: 'ok' }))
  http.get('/health/ready', (_request, reply) =>
    reply
      .status(503)
      .header('retry-after', RETRY_AFTER_S)
      .send({ status: 'failing', checks: { database: 'failing' } }),
  )
  http.all(GRAPHQL_PATH, (_request, reply) =>
    reply
      .status(503)
      .header('retry-after', RETRY_AFTER_S)
      .send({ errors: [codedError(DATABASE_AWAY, 'UNAVAILABLE')] }),
  )
  // no call is looked at closely enough to be told anything else
  http.setErrorHandler((_error, request, reply) =>
    answerWithProblem(new CallError('UNAVAILABLE', DATABASE_AWAY), request, reply),
  )
  http.setNotFoundHandler(() => {
    throw new CallError('UNAVAILABLE', DATABASE_AWAY)
  })
  await http.listen(at)
  return () => http.close()
}
