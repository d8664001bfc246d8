const RETRY_DELAY_MIN_MS = 500
/** A server that restarts is back within it. */
export const RETRY_DELAY_MAX_MS = 10_000

/**
 * Returns how long to wait before the next try: it doubles with each failure, and differs between browsers, so that they do not
 * all come back at once.
 *
 * @param failures how many tries have failed one after the other
 */
export function retryDelayMs(failures: number): number {
  const delayMs = Math.min(RETRY_DELAY_MIN_MS * 2 ** Math.max(0, failures - 1), RETRY_DELAY_MAX_MS)
  return delayMs * (0.5 + Math.random())
}
