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
