import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Authenticate } from '../domain/caller.ts'
import { GRAPHQL_PATH } from './graphql/graphql-server.ts'
import type { PersistedDocuments } from './graphql/persisted-documents.ts'
import { takeCanonicalUrl } from './requests/canonical-url.ts'
import { dropUnreadBody } from './requests/drop-unread-body.ts'
import { canonicalOrigin, isForeignPage, isListedOrigin } from './requests/is-foreign-page.ts'
import { REQUEST_ID_HEADER, takeRequestId } from './requests/request-id.ts'
import { PROBLEM_TYPE, toProblem } from './rest/problem.ts'

export type WebOptions = {
  /** Sites, besides this server itself, whose pages may call. */
  corsOrigins: readonly string[]
  /** Whether there are pages to try the APIs, and the schema may be asked for. */
  explorer: boolean
}

/** How the APIs are served, by whichever transport. */
export type ApiOptions = WebOptions & {
  authenticate: Authenticate
  /** Without it everyone is the local operator, and nobody may call but from this machine. */
  isAuthenticated: boolean
  persistedDocuments?: PersistedDocuments | undefined
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
const EXPOSED = [
  'accept-encoding',
  'allow',
  'location',
  'preference-applied',
  'ratelimit-limit',
  'ratelimit-remaining',
  'ratelimit-reset',
  'retry-after',
  'www-authenticate',
  'x-request-id',
].join(', ')

/** What a page of a listed site may send, beside what its preflight asks for: see `answerPreflight`. */
const ALLOWED_HEADERS = [
  'apollo-require-preflight',
  'apollographql-client-name',
  'apollographql-client-version',
  'authorization',
  'baggage',
  'content-type',
  'idempotency-key',
  'last-event-id',
  'prefer',
  'sentry-trace',
  'traceparent',
  'tracestate',
  'x-apollo-operation-name',
  'x-graphql-client-name',
  'x-graphql-client-version',
  'x-request-id',
]
/** Names of headers by HTTP's grammar, separated by commas. */
const HEADER_NAMES = /^[\w!#$%&'*+.^`|~-]+(?:[ \t]*,[ \t]*[\w!#$%&'*+.^`|~-]+)*$/

export const FOREIGN_PAGE = 'Pages of this site may not call'
const FORBIDDEN_RESULT = { errors: [{ message: FOREIGN_PAGE, extensions: { code: 'FORBIDDEN' } }] }

/**
 * What every request meets first, whoever answers it then: it gets its id and its answer the headers by which browsers
 * keep pages apart. Pages of other sites are refused, unless their site is listed; their preflights are answered here.
 *
 * It stands before Fastify, since not all is answered by Fastify: a busy process refuses ahead of it, Yoga beside it.
 */
export function frontDoor(web: WebOptions, handle: RequestListener): RequestListener {
  const { explorer } = web
  const corsOrigins = web.corsOrigins.map(canonicalOrigin)
  return (request, response) => {
    takeCanonicalUrl(request)
    dropUnreadBody(request, response)
    response.setHeader(REQUEST_ID_HEADER, takeRequestId(request))
    for (const [name, value] of HEADERS) response.setHeader(name, value)
    if (corsOrigins.length > 0) response.setHeader('vary', 'origin')
    const { origin } = request.headers
    if (isListedOrigin(origin, corsOrigins)) {
      response.setHeader('access-control-allow-origin', origin)
      response.setHeader('access-control-expose-headers', EXPOSED)
      if (isPreflight(request)) return answerPreflight(request, response)
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

/**
 * Lets a page of a listed site send what it asks to send. Libraries that trace add headers of their own to every call of a
 * page, and each has other ones: one that is not on a list would stop all calls. No header lets its sender do more here.
 */
function answerPreflight({ headers }: IncomingMessage, response: ServerResponse): void {
  const asked = headers['access-control-request-headers'] ?? ''
  const names = HEADER_NAMES.test(asked) ? asked.toLowerCase().split(/[ \t]*,[ \t]*/) : []
  response
    .writeHead(204, {
      'access-control-allow-methods': 'GET, POST',
      'access-control-allow-headers': [...new Set([...ALLOWED_HEADERS, ...names])].join(', '),
      'access-control-max-age': PREFLIGHT_MAX_AGE_S,
      vary: 'origin, access-control-request-headers',
    })
    .end()
}

function refuse({ url = '' }: IncomingMessage, response: ServerResponse): void {
  const [type, body] = url.startsWith(GRAPHQL_PATH)
    ? ['application/json; charset=utf-8', FORBIDDEN_RESULT]
    : [PROBLEM_TYPE, toProblem('FORBIDDEN', FOREIGN_PAGE)]
  const text = JSON.stringify(body)
  const length = Buffer.byteLength(text)
  response.writeHead(403, { 'content-type': type, 'content-length': length, connection: 'close' }).end(text)
}
