import type { RequestListener } from 'node:http'
import type { App } from '../app.ts'
import { LONG_TURNS_MAX_MS, QUERIES_WAITING_MAX, RETRY_AFTER_S, TURN_MAX_MS } from '../limits.ts'
import { PROBLEM_TYPE, UNAVAILABLE_PROBLEM } from '../rest/problem.ts'
import { REST_PATH } from '../rest/rest-api.ts'
import { GRAPHQL_PATH } from './graphql-server.ts'
import { UNAVAILABLE_RESULT } from './unavailable-result.ts'

/** Whether a call that arrives now should be refused. Asked once for each call, as it arrives. */
export type IsOverloaded = () => boolean

/**
 * Looks at what the intake of orders does not see: turns of the event loop that take too long, and queries that wait for
 * a connection.
 *
 * A turn counts from its first call. What is read late in a long turn has waited in the kernel for about as long. So
 * once turns have been too long for a while, each is cut short: the calls that are left in it are refused, at a fraction
 * of the cost of an answer. The first turn that is short again ends that. A histogram of delays, as of perf_hooks, tells
 * of the second before, and refuses all or nothing in the next.
 */
export function watchOverload({ pool }: Pick<App, 'pool'>): IsOverloaded {
  let turnStartedAtMs: number | undefined
  let turnEndedAtMs = 0
  let longSinceMs: number | undefined
  const startTurn = (nowMs: number) => {
    turnStartedAtMs = nowMs
    // the phase of the loop that follows the reading of sockets
    setImmediate(endTurn)
    // nobody called for a while
    if (nowMs - turnEndedAtMs > TURN_MAX_MS) longSinceMs = undefined
  }
  const endTurn = () => {
    turnEndedAtMs = performance.now()
    const isLong = turnEndedAtMs - turnStartedAtMs! > TURN_MAX_MS
    longSinceMs = isLong ? (longSinceMs ?? turnStartedAtMs) : undefined
    turnStartedAtMs = undefined
  }
  return () => {
    if (pool.waitingCount > QUERIES_WAITING_MAX) return true
    const nowMs = performance.now()
    if (turnStartedAtMs === undefined) startTurn(nowMs)
    const isLong = nowMs - turnStartedAtMs! > TURN_MAX_MS
    return isLong && nowMs - (longSinceMs ?? turnStartedAtMs!) > LONG_TURNS_MAX_MS
  }
}

/**
 * Puts a listener before Fastify's, for what a refusal costs is taken from what can be accepted: 16 µs here, 22 in a hook
 * of Fastify, where an order takes 60. It refuses in the words of the API that was called. Health is not refused: a
 * process that is busy is alive.
 */
export function refuseOverload(
  app: App,
  isOverloaded: IsOverloaded,
  handle: RequestListener,
): RequestListener {
  const graphql = refusal('application/json; charset=utf-8', UNAVAILABLE_RESULT)
  const rest = refusal(PROBLEM_TYPE, UNAVAILABLE_PROBLEM)
  return (request, response) => {
    const { url = '' } = request
    const answer = url.startsWith(GRAPHQL_PATH) ? graphql : url.startsWith(REST_PATH) ? rest : undefined
    if (!answer || !isOverloaded()) return handle(request, response)
    app.onRefusal()
    response.writeHead(503, answer.headers).end(answer.body)
  }
}

function refusal(type: string, body: object) {
  const text = JSON.stringify(body)
  const headers = {
    'content-type': type,
    'content-length': Buffer.byteLength(text),
    'retry-after': RETRY_AFTER_S,
  }
  return { headers, body: text }
}
