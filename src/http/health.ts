import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyPluginAsync } from 'fastify'
import type { Logger } from 'pino'
import { ServerPool } from '../database/connections.ts'
import { ReadOnlyServerError } from '../database/unavailable.ts'
import { READINESS_TIMEOUT_MS, RETRY_AFTER_S } from '../limits.ts'

export type HealthContext = { databaseUrl: string; logger: Logger }

/** What readiness looks at, by the name under which it reports it. */
export type ReadinessCheck = () => boolean | Promise<boolean>

/**
 * `/health/live`: the process answers. `/health/ready`: it can do its work; 503 with what is missing otherwise.
 *
 * @param checks what this process needs besides the database
 */
export function healthRoutes(
  context: HealthContext,
  checks: Record<string, ReadinessCheck>,
): FastifyPluginAsync {
  return async (fastify) => {
    // apart from those of calls: a process whose calls wait for each other is busy, and not to be taken out
    const pool = new ServerPool(context.databaseUrl, {
      application_name: 'holdfast-health',
      max: 1,
      connectionTimeoutMillis: READINESS_TIMEOUT_MS,
      query_timeout: READINESS_TIMEOUT_MS,
    })
    fastify.addHook('onClose', () => pool.end())
    const all: Record<string, ReadinessCheck> = { database: lookAtDatabase(context, pool), ...checks }
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

/** The tables are there, and take writes. */
const LOOK = `select current_setting('transaction_read_only') = 'on' as "isReadOnly"
  from (select from orders, graphile_worker.jobs limit 0) as tables right join (values (1)) as one on true`

/** Reachable, migrated and not read-only. Askers share one look, for there is one connection. */
function lookAtDatabase({ logger }: HealthContext, pool: ServerPool): () => Promise<boolean> {
  let look: Promise<boolean> | undefined
  return () => {
    look ??= Promise.race([
      pool.query<{ isReadOnly: boolean }>(LOOK).then(({ rows }) => {
        if (rows[0]!.isReadOnly) throw new ReadOnlyServerError()
      }),
      // connecting and asking each have that long
      sleep(READINESS_TIMEOUT_MS, undefined, { ref: false }).then(() => {
        throw new Error('The database did not answer in time')
      }),
    ])
      .then(() => true)
      .catch((error) => {
        pool.leaveServer()
        logger.warn({ err: error }, 'database not ready')
        return false
      })
      .finally(() => {
        look = undefined
      })
    return look
  }
}
