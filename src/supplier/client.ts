import { Agent, request } from 'undici'
import type { z } from 'zod'
import { refuseAddresses } from '../outgoing/refuse-addresses.ts'
import { readRetryAfterMs } from '../outgoing/retry-after.ts'
import {
  type ReserveRequest,
  refSchema,
  reserveAnswerSchema,
  type Supplier,
  type SupplierCall,
  statusAnswerSchema,
  type TransportError,
} from './contract.ts'

/** An answer is some 30 bytes; this leaves room for whatever else a supplier adds, and none for a flood. */
const bodyBytesMax = 64 * 1024
const detailLengthMax = 300
const retryAfterMsMax = 24 * 60 * 60 * 1000
const connectionLimitDefault = 50
const redirectStatuses = new Set([301, 302, 303, 307, 308])

/**
 * A supplier spoken to over HTTP, through a connection pool of its own.
 *
 * @param options.baseUrl http or https, may have a path and a trailing slash. Throws a TypeError for a URL
 *   with credentials, query or fragment.
 * @param options.timeoutMs for a whole call: waiting for a connection, headers and body.
 * @param options.connectionLimit most connections, and so most calls under way; the others wait for their
 *   turn within their own `timeoutMs`.
 * @param options.mayBePrivate whether it may be at a loopback or private address. Where clouds keep their metadata it
 *   may never be: a TypeError where the URL has such an address, no connection where its name leads to one.
 * @returns the supplier. Any answer but a valid one is returned as a TransportError, never thrown.
 */
export function createSupplierClient(options: {
  baseUrl: string
  timeoutMs: number
  connectionLimit?: number
  mayBePrivate?: boolean
}): Supplier {
  const { timeoutMs, connectionLimit = connectionLimitDefault, mayBePrivate = true } = options
  const base = parseBaseUrl(options.baseUrl)
  const guard = refuseAddresses('supplier', { mayBePrivate })
  guard.assertHost(new URL(base).hostname)
  const dispatcher = new Agent({
    connections: connectionLimit,
    // one call a connection: over HTTP/2 a connection carries many, and the limit would bound nothing
    allowH2: false,
    pipelining: 1,
    // an abandoned attempt to connect holds its place in the pool until it ends
    connect: { timeout: timeoutMs, lookup: guard.lookup },
    // the signal of each call is the only clock: undici's own start anew with each piece of a body
    headersTimeout: 0,
    bodyTimeout: 0,
  })
  let closed: Promise<void> | undefined

  async function call<T extends object>(
    path: string,
    init: RequestInit,
    schema: z.ZodType<T>,
  ): Promise<T | TransportError> {
    try {
      const signal = AbortSignal.timeout(timeoutMs)
      // the global fetch, though undici has its own: the tests' network stubs replace only this one
      const options = { ...init, dispatcher, redirect: 'manual' as const, signal }
      const response = await fetch(base + path, options)
      return await readAnswer(response, schema)
    } catch (error) {
      return fromException(error, timeoutMs)
    }
  }

  return {
    reserve: ({ id, sku, qty, key }, about) =>
      call(
        '/supplier/reserve',
        {
          method: 'POST',
          headers: { ...headersOf(about), 'content-type': 'application/json', 'idempotency-key': key },
          body: JSON.stringify({ order_id: id, sku, qty } satisfies ReserveRequest),
        },
        reserveAnswerSchema,
      ),

    async checkStatus(ref, about) {
      const sendable = refSchema.safeParse(ref)
      if (!sendable.success) return transportError('malformed', `reference ${issuesOf(sendable.error)}`)
      const path = `/supplier/status/${encodeURIComponent(ref)}`
      return call(path, { headers: headersOf(about) }, statusAnswerSchema)
    },

    close() {
      closed ??= dispatcher.close()
      return closed
    },
  }
}

function headersOf({ requestId, traceparent }: SupplierCall): Record<string, string> {
  return {
    accept: 'application/json',
    ...(traceparent !== undefined && { traceparent }),
    ...(requestId !== undefined && { 'x-request-id': requestId }),
  }
}

/**
 * Makes a first call, by which undici reads what it reads with the first connection only: later an `npm ci` in this
 * folder may have taken its files away. What comes of the call does not matter.
 */
export async function loadHttpClient(url: string): Promise<void> {
  const dispatcher = new Agent({ headersTimeout: 1_000, connect: { timeout: 1_000 } })
  try {
    const { body } = await request(url, { dispatcher })
    await body.dump()
  } catch {
  } finally {
    await dispatcher.close()
  }
}

function parseBaseUrl(baseUrl: string): string {
  const url = new URL(baseUrl)
  if (!/^https?:$/.test(url.protocol)) throw new TypeError('the supplier URL must be http or https')
  if (url.username || url.password || url.search || url.hash)
    throw new TypeError('the supplier URL must have no credentials, query or fragment')
  return url.origin + url.pathname.replace(/\/+$/, '')
}

async function readAnswer<T extends object>(
  response: Response,
  schema: z.ZodType<T>,
): Promise<T | TransportError> {
  const httpStatus = response.status
  if (!response.ok) {
    // a body nobody reads holds its connection; one that has arrived whole already costs none
    await response.body?.cancel()
    if (redirectStatuses.has(httpStatus)) {
      const location = response.headers.get('location') ?? 'nowhere'
      return transportError('redirect', `HTTP ${httpStatus} to ${location}`, { httpStatus })
    }
    const asksToWait = httpStatus === 429 || httpStatus === 503
    const retryAfterMs = asksToWait
      ? readRetryAfterMs(response.headers.get('retry-after'), retryAfterMsMax)
      : undefined
    return transportError('http-status', `HTTP ${httpStatus} ${response.statusText}`, {
      httpStatus,
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    })
  }

  const body = await readBody(response)
  if (!body) return transportError('too-large', `body of more than ${bodyBytesMax} bytes`, { httpStatus })
  const json = parseJson(body)
  if ('error' in json) return transportError('malformed', json.error, { httpStatus })
  const answer = schema.safeParse(json.value)
  if (!answer.success) return transportError('malformed', issuesOf(answer.error), { httpStatus })
  return { ...answer.data, httpStatus }
}

/** The whole body, or undefined when it is too large: leaving the loop cancels the rest. */
async function readBody(response: Response): Promise<Buffer | undefined> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength
    if (bytes > bodyBytesMax) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function parseJson(body: Buffer): { value: unknown } | { error: string } {
  if (body.length === 0) return { error: 'empty body' }
  try {
    return { value: JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)) }
  } catch (error) {
    return { error: `not JSON: ${(error as Error).message}` }
  }
}

/** What fetch or the reading of a body threw: the reason is in its `cause`, the time-out is thrown itself. */
function fromException(error: unknown, timeoutMs: number): TransportError {
  const thrown = error as Error & { code?: unknown }
  const reason = (thrown.cause ?? thrown) as Error & { code?: unknown }
  const code = typeof reason.code === 'string' ? reason.code : ''
  if (thrown.name === 'TimeoutError' || code === 'UND_ERR_CONNECT_TIMEOUT')
    return transportError('timeout', `no answer within ${timeoutMs} ms`)
  let cause: TransportError['cause'] = 'connection'
  if (code === 'UND_ERR_HEADERS_OVERFLOW') cause = 'too-large'
  // bytes came, but they were no HTTP or (zlib's codes) did not unpack
  if (reason.name === 'HTTPParserError' || code.startsWith('Z_')) cause = 'malformed'
  // Node tries each address of a name and then throws an AggregateError with a code and no message
  return transportError(cause, [code, reason.message || thrown.message].filter(Boolean).join(': '))
}

/** The detail may quote the supplier: what is stored and logged of it is short, one line and valid Unicode. */
function transportError(
  cause: TransportError['cause'],
  detail: string,
  rest: Pick<TransportError, 'httpStatus' | 'retryAfterMs'> = {},
): TransportError {
  const line = detail
    .replace(/\p{Cc}+/gu, ' ')
    .trim()
    .slice(0, detailLengthMax)
    .toWellFormed()
  return { kind: 'transport-error', cause, detail: line, ...rest }
}

function issuesOf(error: z.ZodError): string {
  return error.issues.map(({ path, message }) => [...path, message].join(': ')).join('; ')
}
