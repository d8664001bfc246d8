import { setTimeout as sleep } from 'node:timers/promises'
import { isUnavailable } from './unavailable.ts'

/** Those who wait for the same database come back one after the other, and all within a second. */
const OUTAGE_RETRY_DELAY_MIN_MS = 250
const OUTAGE_RETRY_DELAY_MAX_MS = 750

export type RetryOptions = {
  signal: AbortSignal | undefined
  /** Which errors are waited for: without it all that say that the database is away or does not keep up. */
  isAwaited?: (error: unknown) => boolean
  /** Hears of each try that found the database away. */
  onUnavailable?: (error: unknown) => void
}

/**
 * Runs `work`, and again a moment later for as long as it finds the database away. It must be harmless when it runs
 * again: what found the database away may have come through.
 *
 * @throws what `work` throws that is of another kind, or, once the signal is given, whatever it throws
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
