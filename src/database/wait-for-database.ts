import type { Logger } from 'pino'
import { connect } from './connections.ts'
import { retryWhileUnavailable } from './retry-while-unavailable.ts'
import { isRefusal } from './unavailable.ts'

/** A database that does not answer in this time is asked anew. */
const PROBE_TIMEOUT_MS = 3_000
/** Often enough for who has just opened the log, too seldom to fill it. */
const REMIND_INTERVAL_MS = 30_000

/**
 * Waits until a database takes connections and writes, and says so in the log now and then.
 *
 * @throws when it answers and refuses: a wrong password, a database that does not exist; and when the signal is given
 */
export async function waitForDatabase(
  databaseUrl: string,
  { logger, signal }: { logger: Logger; signal: AbortSignal },
): Promise<void> {
  let remindedAtMs = Number.NEGATIVE_INFINITY
  await retryWhileUnavailable(() => connectOnce(databaseUrl), {
    signal,
    onUnavailable: (error) => {
      if (isRefusal(error)) throw error
      if (performance.now() - remindedAtMs < REMIND_INTERVAL_MS) return
      remindedAtMs = performance.now()
      logger.warn({ err: error }, 'database away, start waits for it')
    },
  })
  logger.info('database reached')
}

/** As far as a statement: PgBouncer takes connections also while its server is away. */
async function connectOnce(databaseUrl: string): Promise<void> {
  const options = {
    application_name: 'holdfast-start',
    connectionTimeoutMillis: PROBE_TIMEOUT_MS,
    query_timeout: PROBE_TIMEOUT_MS,
  }
  // one that breaks at this moment is found broken by the next step
  const client = await connect(databaseUrl, options, () => {})
  await client.end().catch(() => {})
}
