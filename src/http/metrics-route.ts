import type { FastifyPluginAsync } from 'fastify'
import type { Registry } from 'prom-client'

/** `/metrics`: the figures of this process, as Prometheus reads them. */
export function metricsRoute(metrics: Registry): FastifyPluginAsync {
  return async (fastify) => {
    fastify.get('/metrics', async (_request, reply) => {
      reply.type(metrics.contentType)
      return metrics.metrics()
    })
  }
}
