import { randomUUID } from 'node:crypto'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { parseRequestId, type RequestOrigin, readTraceparent } from '../../domain/origin.ts'

export const REQUEST_ID_HEADER = 'x-request-id'

/**
 * The id under which a request is answered and logged: its own where it brought a sane one. It stands in the request's
 * header from then on, which is where all others read it.
 */
export function takeRequestId({ headers }: IncomingMessage): string {
  const given = parseRequestId(headers[REQUEST_ID_HEADER])
  if (given !== undefined) return given
  const made = randomUUID()
  headers[REQUEST_ID_HEADER] = made
  return made
}

/** A request, as Node has them or as the web has them. */
type AnyRequest = { headers: Headers | IncomingHttpHeaders }

export function readRequestId(request: AnyRequest): string | undefined {
  return readHeader(request, REQUEST_ID_HEADER)
}

/** What a request that has its id tells of itself. */
export function readRequestOrigin(request: AnyRequest): RequestOrigin {
  return {
    requestId: readRequestId(request),
    traceparent: readTraceparent(readHeader(request, 'traceparent')),
  }
}

function readHeader({ headers }: AnyRequest, name: string): string | undefined {
  const value = isWebHeaders(headers) ? headers.get(name) : headers[name]
  return typeof value === 'string' ? value : undefined
}

function isWebHeaders(headers: Headers | IncomingHttpHeaders): headers is Headers {
  return typeof headers.get === 'function'
}

export type RequestTracing = {
  /** The span that is under way, in the form of W3C Trace Context. */
  traceparent(): string | undefined
  /** Names the request that is under way by its route. */
  route(path: string): void
}
