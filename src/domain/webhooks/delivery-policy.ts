const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

/** How long after one attempt the next follows, the first at once: 75 h in all, as Standard Webhooks advises. */
const RETRY_DELAYS_MS = [
  5 * SECOND,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  24 * HOUR,
]
/** Attempts of a delivery, the first included. */
export const DELIVERY_ATTEMPTS_MAX = RETRY_DELAYS_MS.length + 1
/** What failed together is not sent again together: each delay is up to so much longer. */
const JITTER = 0.1
/** The longest that a receiver may put a delivery off by `Retry-After`: as long as the longest delay of ours. */
export const DELIVERY_RETRY_AFTER_MAX_MS = 24 * HOUR
/** A webhook that fails for longer than all attempts of a delivery take, and for a weekend and more, has nobody who looks after it. */
export const FAILING_MAX_MS = 120 * HOUR
/** Why it is disabled then, for people. */
export const FAILED_TOO_LONG = `No delivery succeeded for ${FAILING_MAX_MS / HOUR} h`

/** Result of an attempt. */
export type AttemptResult = {
  /** Of the answer; null where there was none. */
  responseStatus: number | null
  /** The first 1 kB of the answer; null where there was none. */
  responseBody: string | null
  /** Why there was no answer, or why nothing was sent; null where there was one. */
  error: string | null
  durationMs: number
  /** For how long the receiver asked to be left alone. */
  retryAfterMs: number | null
}

/** `gone`: the receiver wants nothing of this webhook any more. */
export type AttemptOutcome = 'delivered' | 'failed' | 'gone'

/** 2xx alone is success: what a redirect leads to is not what the operator named, and is not followed. */
export function outcomeOf({ responseStatus }: Pick<AttemptResult, 'responseStatus'>): AttemptOutcome {
  if (responseStatus === null) return 'failed'
  if (responseStatus === 410) return 'gone'
  return responseStatus >= 200 && responseStatus <= 299 ? 'delivered' : 'failed'
}

/**
 * Returns how long after a failed attempt the next one follows; null after the last one, when the delivery is given up.
 *
 * @param attempts attempts that ended, this one included
 * @param random a number in [0, 1)
 */
export function retryDelayMs(
  attempts: number,
  { retryAfterMs }: Pick<AttemptResult, 'retryAfterMs'>,
  random: number,
): number | null {
  const delayMs = RETRY_DELAYS_MS[attempts - 1]
  if (delayMs === undefined) return null
  const askedMs = Math.min(retryAfterMs ?? 0, DELIVERY_RETRY_AFTER_MAX_MS)
  return Math.round(Math.max(delayMs, askedMs) * (1 + JITTER * random))
}
