import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { WebOptions } from './api-options.ts'
import { isConsolePath } from './console/console-routes.ts'
import { GRAPHQL_PATH } from './graphql/graphql-server.ts'
import { takeCanonicalUrl } from './requests/canonical-url.ts'
import { dropUnreadBody } from './requests/drop-unread-body.ts'
import { canonicalOrigin, isForeignPage, isListedOrigin } from './requests/is-foreign-page.ts'
import { REQUEST_ID_HEADER, takeRequestId } from './requests/request-id.ts'
import { PROBLEM_TYPE, toProblem } from './rest/problem.ts'

/** For answers that are no page. Pages bring a policy of their own. */
const HEADERS = Object.entries({
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
})

/** Longer than most visits. Browsers see a changed list after this time. */
const PREFLIGHT_MAX_AGE_S = '600'

/** Response headers that pages of listed sites may read, besides those that every page may read. */
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

/** Request headers that pages of listed sites may send, besides those that their preflight asks for. */
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
 * Makes the listener that every request passes first. It gives the request its id, and the answer its security headers. It
 * refuses pages of other sites, except listed sites, whose preflights it answers.
 *
 * It stands before Fastify, because Fastify does not answer everything: an overloaded process sheds calls before it.
 */
export function frontDoor(web: WebOptions, handle: RequestListener): RequestListener {
  const { explorer, servesConsole } = web
  const corsOrigins = web.corsOrigins.map(canonicalOrigin)
  const hasPage = ({ url }: IncomingMessage) => explorer || (servesConsole && isConsolePath(url))
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
    if (isForeignPage(request, corsOrigins) && !(isVisit(request) && hasPage(request)))
      return refuse(request, response)
    return handle(request, response)
  }
}

/**
 * Whether a browser followed a link: the page with the link cannot read the answer, which opens in a tab of its own. Only where
 * there are pages, the explorer's or the console's, because elsewhere such a call would run the query in its URL.
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
 * Allows all headers that a listed site's page asks for. Tracing libraries add headers of their own to every call, so a fixed
 * list would break pages. No header gives its sender more rights.
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
