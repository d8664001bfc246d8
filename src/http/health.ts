import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyPluginAsync } from 'fastify'
import type { QueryConfig } from 'pg'
import type { App } from '../app.ts'
import { READINESS_TIMEOUT_MS, RETRY_AFTER_S } from '../limits.ts'

/** What readiness looks at, by the name under which it reports it. */
export type ReadinessCheck = () => boolean | Promise<boolean>

/**
 * `/health/live`: the process answers. `/health/ready`: it can do its work; 503 with what is missing otherwise.
 *
 * @param checks what this process needs besides the database
 */
export function healthRoutes(app: App, checks: Record<string, ReadinessCheck>): FastifyPluginAsync {
  const all: Record<string, ReadinessCheck> = { database: lookAtDatabase(app), ...checks }
  return async (fastify) => {
    fastify.get('/health/live', async () => ({ status: 'ok' }))
    fastify.get('/health/ready', async (_request, reply) => {
      const results = await Promise.all(
        Object.entries(all).map(async ([name, check]) => [name, (await check()) ? 'ok' : 'failing'] as const),
      )
      const isReady = results.every(([, result]) => result === 'ok')
      if (!isReady) reply.status(503).header('retry-after', RETRY_AFTER_S)
      return { status: isReady ? 'ok' : 'failing', checks: Object.fromEntries(results) }
    })
  }
}

/** Reachable, and migrated: the tables are there. Askers share one look: probes must not use up the connections. */
function lookAtDatabase(app: App): () => Promise<boolean> {
  let look: Promise<boolean> | undefined
  return () => {
    look ??= Promise.race([
      app.pool.query({
        text: 'select from orders, graphile_worker.jobs limit 0',
        query_timeout: READINESS_TIMEOUT_MS,
      } as QueryConfig),
      // the query's own time begins when it has a connection
      sleep(READINESS_TIMEOUT_MS, undefined, { ref: false }).then(() => {
        throw new Error('The database did not answer in time')
      }),
    ])
      .then(() => true)
      .catch((error) => {
        app.logger.warn({ err: error }, 'the database is not ready')
        return false
      })
      .finally(() => {
        look = undefined
      })
    return look
  }
}
