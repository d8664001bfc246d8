import type { RequestListener, ServerResponse } from 'node:http'
import type { FastifyInstance } from 'fastify'
import type { App } from '../app.ts'
import { CALLS_UNDER_WAY_MAX, RETRY_AFTER_S } from '../limits.ts'
import { PROBLEM_TYPE, UNAVAILABLE_PROBLEM } from '../rest/problem.ts'
import { REST_PATH } from '../rest/rest-api.ts'
import { GRAPHQL_PATH } from './graphql-server.ts'
import { UNAVAILABLE_RESULT } from './unavailable-result.ts'

/**
 * Counts the calls that this process is answering, and has others refused while there are too many: more under way would
 * not be answered sooner, they would only all wait longer.
 *
 * A call counts from the end of its body, so that a client that sends slowly takes nobody's place. Streams do not count:
 * they wait for years and cost memory alone.
 */
export class CallsUnderWay {
  #count = 0

  /** Whether one that arrives now is one too many. */
  isFull(): boolean {
    return this.#count >= CALLS_UNDER_WAY_MAX
  }

  /** Counts the calls of all routes that are added after, each until its response is over or its client is gone. */
  count(fastify: FastifyInstance): void {
    fastify.addHook('onRequest', ({ method, headers: { accept } }, reply, done) => {
      // without a body; what asks for a stream is answered by one
      if (method === 'GET' && !accept?.includes('text/event-stream')) this.#add(reply.raw)
      done()
    })
    fastify.addHook('preHandler', ({ method }, reply, done) => {
      if (method !== 'GET') this.#add(reply.raw)
      done()
    })
  }

  #add(response: ServerResponse): void {
    this.#count++
    response.once('close', () => {
      this.#count--
    })
  }

  /**
   * Puts a listener before Fastify's, for what a refusal costs is taken from what can be accepted: 12 to 18 µs here, 22
   * in a hook of Fastify, where an order takes 60. It refuses in the words of the API that was called. Health and metrics
   * are never refused: a process that is busy is alive.
   */
  guard(app: Pick<App, 'onRefusal'>, handle: RequestListener): RequestListener {
    const graphql = refusal('application/json; charset=utf-8', UNAVAILABLE_RESULT)
    const rest = refusal(PROBLEM_TYPE, UNAVAILABLE_PROBLEM)
    return (request, response) => {
      if (!this.isFull()) return handle(request, response)
      const { url = '' } = request
      const answer = url.startsWith(GRAPHQL_PATH) ? graphql : url.startsWith(REST_PATH) ? rest : undefined
      if (!answer) return handle(request, response)
      app.onRefusal()
      response.writeHead(503, answer.headers).end(answer.body)
    }
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
