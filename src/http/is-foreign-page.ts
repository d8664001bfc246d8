import type { IncomingMessage } from 'node:http'

/**
 * Whether a request was made by a page of another site, which must not act, or read, in the name of whoever looks at it.
 * A browser says so by `Sec-Fetch-Site`; where it does not (a WebSocket, plain http, an old one), by `Origin`. What has
 * neither is no browser, and passes.
 *
 * @param allowedOrigins sites whose pages may call
 */
export function isForeignPage(
  { headers: { origin, host, 'sec-fetch-site': site } }: IncomingMessage,
  allowedOrigins: readonly string[],
): boolean {
  if (origin !== undefined && allowedOrigins.includes(origin)) return false
  // 'none': typed, or a bookmark. 'same-site' is another site of the same owner: its pages are not ours
  if (site !== undefined) return site !== 'same-origin' && site !== 'none'
  return origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`
}
