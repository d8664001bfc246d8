import type { Logger } from 'pino'
import { connect } from './connections.ts'
import { retryWhileUnavailable } from './retry-while-unavailable.ts'
import { isRefusal } from './unavailable.ts'

/** A try that gets no answer within this time is repeated. */
const PROBE_TIMEOUT_MS = 3_000
/** Often enough for a reader who has just opened the log, too seldom to fill it. */
const REMIND_INTERVAL_MS = 30_000

/**
 * Waits until a database accepts connections and writes. Logs that it waits.
 *
 * @throws if the database refuses (wrong password, no such database), or the signal is aborted
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

/** Connects and runs a statement, because PgBouncer accepts connections even while its server is away. */
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
