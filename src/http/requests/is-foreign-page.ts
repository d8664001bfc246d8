import type { IncomingMessage } from 'node:http'

/**
 * Whether a request was made by a page of another site, which must not act, or read, in the name of whoever looks at it.
 * A browser says so by `Sec-Fetch-Site`; where it does not (a WebSocket, plain http, an old one), by `Origin`. What has
 * neither is no browser, and passes.
 *
 * @param allowedOrigins sites whose pages may call, in canonical form
 */
export function isForeignPage(request: IncomingMessage, allowedOrigins: readonly string[]): boolean {
  const { origin, host, 'sec-fetch-site': site } = request.headers
  if (isListedOrigin(origin, allowedOrigins)) return false
  // 'none': typed, or a bookmark. 'same-site' is another site of the same owner: its pages are not ours
  if (site !== undefined) return site !== 'same-origin' && site !== 'none'
  if (origin === undefined) return false
  const own = ['http', 'https'].map((scheme) => canonicalOrigin(`${scheme}://${host}`))
  return !own.includes(canonicalOrigin(origin))
}

/** Whether a page's origin is one of these, which are in canonical form. */
export function isListedOrigin(origin: string | undefined, origins: readonly string[]): origin is string {
  return origin !== undefined && origins.length > 0 && origins.includes(canonicalOrigin(origin))
}

/**
 * An origin in the form in which origins are compared: in lower case, without the port that its scheme has anyway. What is
 * no origin of the web, as `null`, stays as it is.
 */
export function canonicalOrigin(origin: string): string {
  return /^https?:\/\//i.test(origin) && URL.canParse(origin) ? new URL(origin).origin : origin
}

const LOOPBACK_HOST = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/i

/** What a caller by another name is told. */
export const LOCAL_NAMES_ONLY = 'Without authentication, call by the name localhost or by 127.0.0.1'

/**
 * Whether a request was sent to this machine by a name that only this machine has. Without authentication everyone who
 * reaches the server may do everything, and a web page reaches it under the page's own name once that name's DNS
 * answers 127.0.0.1: its Origin and its Host then agree, and only the name gives it away.
 *
 * @param host the Host header. A program of HTTP/1.0, such as HAProxy's health check, sends none; a browser always does
 */
export function isLoopbackHost(host: string | undefined): boolean {
  return host === undefined || LOOPBACK_HOST.test(host)
}
