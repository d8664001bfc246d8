import { WAIT_MAX_MS } from '../../use-cases/orders/wait-for-outcome.ts'

/** One preference of the header, with its parameters, up to the next comma: quoted texts may have commas of their own. */
const PREFERENCE = /((?:[^",]|"(?:[^"\\]|\\.)*")*)(?:,|$)/y
const WAIT = /^[ \t]*wait[ \t]*(?:=[ \t]*([^; \t]*)[ \t]*)?(?:;|$)/i
const DELTA_SECONDS = /^\d+$/

/**
 * Returns the seconds of `Prefer: wait=SECONDS` (RFC 7240), at most the longest wait. Of a preference that is given more than
 * once the first counts; one that is malformed counts as none.
 *
 * @returns undefined for a header without it
 */
export function readWait(prefer: string | undefined): number | undefined {
  PREFERENCE.lastIndex = 0
  while (prefer !== undefined && PREFERENCE.lastIndex < prefer.length) {
    const preference = PREFERENCE.exec(prefer)
    // a quote that is never closed: what follows is not known
    if (!preference) return undefined
    const wait = WAIT.exec(preference[1]!)
    if (!wait) continue
    const [, seconds = ''] = wait
    return DELTA_SECONDS.test(seconds) ? Math.min(Number(seconds), WAIT_MAX_MS / 1_000) : undefined
  }
  return undefined
}
