const HTTP_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/

/**
 * Reads the header Retry-After: seconds or an HTTP date. `Date.parse` alone would take `-5` for a year.
 *
 * @param maxMs the longest wait that is honoured
 * @returns milliseconds from now on; undefined for none, and for anything else
 */
export function readRetryAfterMs(header: string | null, maxMs: number): number | undefined {
  const value = header?.trim() ?? ''
  let waitMs = Number.NaN
  if (/^\d+$/.test(value)) waitMs = Number(value) * 1_000
  else if (HTTP_DATE.test(value)) waitMs = Date.parse(value) - Date.now()
  return Number.isNaN(waitMs) ? undefined : Math.min(Math.max(waitMs, 0), maxMs)
}
