import { randomUUID } from 'node:crypto'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'

export const REQUEST_ID_HEADER = 'x-request-id'

/** UUIDs, ULIDs and trace ids fit. What else a header can carry could forge lines in a log. */
const SANE = /^[\w.-]{1,64}$/

/**
 * The id under which a request is answered and logged: its own where it brought a sane one. It stands in the request's
 * header from then on, which is where all others read it.
 */
export function takeRequestId({ headers }: IncomingMessage): string {
  const given = headers[REQUEST_ID_HEADER]
  if (typeof given === 'string' && SANE.test(given)) return given
  const made = randomUUID()
  headers[REQUEST_ID_HEADER] = made
  return made
}

/** The id of a request that has one, as Node has requests or as the web has them. */
export function readRequestId({ headers }: { headers: Headers | IncomingHttpHeaders }): string | undefined {
  const id = isWebHeaders(headers) ? headers.get(REQUEST_ID_HEADER) : headers[REQUEST_ID_HEADER]
  return typeof id === 'string' ? id : undefined
}

function isWebHeaders(headers: Headers | IncomingHttpHeaders): headers is Headers {
  return typeof headers.get === 'function'
}
