import { setTimeout as sleep } from 'node:timers/promises'
import { isUnavailable } from './unavailable.ts'

/** Random, so that those who wait for one database retry at different moments, and all within a second. */
const OUTAGE_RETRY_DELAY_MIN_MS = 250
const OUTAGE_RETRY_DELAY_MAX_MS = 750

export type RetryOptions = {
  signal: AbortSignal | undefined
  /** Which errors to wait for; by default those of `isUnavailable`. */
  isAwaited?: (error: unknown) => boolean
  /** Called after each try that found the database unavailable. */
  onUnavailable?: (error: unknown) => void
}

/**
 * Runs `work`, and retries it for as long as the database is unavailable. A repeat must be harmless, because a try that failed
 * may have been committed.
 *
 * @throws any other error of `work`; once the signal is aborted, any error of `work`
 */
export async function retryWhileUnavailable<Result>(
  work: () => Promise<Result>,
  { signal, isAwaited = isUnavailable, onUnavailable }: RetryOptions,
): Promise<Result> {
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!isAwaited(error)) throw error
      onUnavailable?.(error)
      const delayMs =
        OUTAGE_RETRY_DELAY_MIN_MS + Math.random() * (OUTAGE_RETRY_DELAY_MAX_MS - OUTAGE_RETRY_DELAY_MIN_MS)
      await sleep(delayMs, undefined, { signal }).catch(() => {})
      if (signal?.aborted) throw error
    }
  }
}
