import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { PROBLEM_TYPE } from '../rest/problem.ts'
import { GRAPHQL_PATH } from './graphql-server.ts'
import { isForeignPage } from './is-foreign-page.ts'
import { REQUEST_ID_HEADER, takeRequestId } from './request-id.ts'

/** What browsers are let do here. */
export type WebOptions = {
  /** Sites, besides this server itself, whose pages may call. */
  corsOrigins: readonly string[]
  /** Whether there are pages to try the APIs, and the schema may be asked for. */
  explorer: boolean
}

/** For answers that are no page. Pages bring a policy of their own. */
const HEADERS = Object.entries({
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
})

/** Longer than most visits; a list that changed is believed after this. */
const PREFLIGHT_MAX_AGE_S = '600'

/** What a page of another site may read of an answer's headers, beside what every page may. */
const EXPOSED = 'location, retry-after, ratelimit-limit, ratelimit-remaining, ratelimit-reset, x-request-id'

const DETAIL = 'Pages of this site may not call'
const FORBIDDEN_RESULT = { errors: [{ message: DETAIL, extensions: { code: 'FORBIDDEN' } }] }
const FORBIDDEN_PROBLEM = {
  type: 'about:blank',
  title: 'Forbidden',
  status: 403,
  detail: DETAIL,
  code: 'FORBIDDEN',
}

/**
 * What every request meets first, whoever answers it then: it gets its id and its answer the headers by which browsers
 * keep pages apart. Pages of other sites are refused, unless their site is listed; their preflights are answered here.
 *
 * It stands before Fastify, since not all is answered by Fastify: a busy process refuses ahead of it, Yoga beside it.
 */
export function frontDoor({ corsOrigins, explorer }: WebOptions, handle: RequestListener): RequestListener {
  return (request, response) => {
    response.setHeader(REQUEST_ID_HEADER, takeRequestId(request))
    for (const [name, value] of HEADERS) response.setHeader(name, value)
    if (corsOrigins.length > 0) response.setHeader('vary', 'origin')
    const { origin } = request.headers
    if (origin !== undefined && corsOrigins.includes(origin)) {
      allow(response, origin)
      if (isPreflight(request)) return answerPreflight(response)
    }
    if (isForeignPage(request, corsOrigins) && !(explorer && isVisit(request)))
      return refuse(request, response)
    return handle(request, response)
  }
}

/**
 * Whether somebody followed a link, and sees the answer in a tab of its own, which the page that had the link cannot
 * read. Only for the explorer's pages: without it such a call would run the query in its address.
 */
function isVisit({ method, headers }: IncomingMessage): boolean {
  return (
    method === 'GET' && headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document'
  )
}

function isPreflight({ method, headers }: IncomingMessage): boolean {
  return method === 'OPTIONS' && headers['access-control-request-method'] !== undefined
}

function allow(response: ServerResponse, origin: string): void {
  response.setHeader('access-control-allow-origin', origin)
  response.setHeader('access-control-expose-headers', EXPOSED)
}

function answerPreflight(response: ServerResponse): void {
  response
    .writeHead(204, {
      'access-control-allow-methods': 'GET, POST',
      'access-control-allow-headers':
        'authorization, content-type, idempotency-key, traceparent, x-request-id',
      'access-control-max-age': PREFLIGHT_MAX_AGE_S,
    })
    .end()
}

function refuse({ url = '' }: IncomingMessage, response: ServerResponse): void {
  const [type, body] = url.startsWith(GRAPHQL_PATH)
    ? ['application/json; charset=utf-8', FORBIDDEN_RESULT]
    : [PROBLEM_TYPE, FORBIDDEN_PROBLEM]
  // what comes of the body is not read
  response.writeHead(403, { 'content-type': type, connection: 'close' }).end(JSON.stringify(body))
}
