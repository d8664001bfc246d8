import type { FastifyInstance } from 'fastify'
import { RETRY_AFTER_S } from '../../limits.ts'
import { PROBLEM_TYPE, UNAVAILABLE_PROBLEM } from '../rest/problem.ts'
import { REST_PATH } from '../rest/rest-api.ts'
import type { CallsUnderWay } from './calls-under-way.ts'

/** Counts REST calls while their handlers run, after their bodies have arrived. For all routes that are added later. */
export function limitRoutes(fastify: FastifyInstance, calls: CallsUnderWay): void {
  fastify.addHook('onRoute', (route) => {
    if (!route.url.startsWith(REST_PATH)) return
    const { handler } = route
    route.handler = function (request, reply) {
      return calls.run<unknown>(
        () => handler.call(this, request, reply),
        () =>
          reply.code(503).header('retry-after', RETRY_AFTER_S).type(PROBLEM_TYPE).send(UNAVAILABLE_PROBLEM),
      )
    }
  })
}
