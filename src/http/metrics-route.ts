import type { FastifyPluginAsync } from 'fastify'
import type { App } from '../app.ts'

/** `/metrics`: the figures of this process, as Prometheus reads them. */
export function metricsRoute({ metrics }: App): FastifyPluginAsync {
  return async (fastify) => {
    fastify.get('/metrics', async (_request, reply) => {
      reply.type(metrics.contentType)
      return metrics.metrics()
    })
  }
}
