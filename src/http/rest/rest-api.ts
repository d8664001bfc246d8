import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import { validatorCompiler } from 'fastify-type-provider-zod'
import { RETRY_AFTER_S, STREAMS_PER_CALLER_MAX } from '../../limits.ts'
import type { ApiOptions } from '../api-options.ts'
import type { CallsUnderWay } from '../overload/calls-under-way.ts'
import { CountByKey } from '../overload/count-by-key.ts'
import { decodeUtf8, NOT_UTF_8 } from '../requests/read-body.ts'
import { collectMethods } from '../requests/refuse-other-methods.ts'
import { type StockStreamContext, stockStream } from '../streams/stock-stream.ts'
import { csvExports } from './csv/csv-exports.ts'
import { type ImportContext, inventoryImport } from './csv/inventory-import.ts'
import { holdVerbs } from './hold-verbs.ts'
import { type InventoryContext, inventoryItems } from './inventory-items.ts'
import { movements } from './movements.ts'
import { openApi } from './openapi.ts'
import type { OrderVerbContext } from './order-verb.ts'
import { orderVerbs } from './order-verbs.ts'
import { type OrdersContext, orders } from './orders.ts'
import {
  answerNotFound,
  answerWithProblem,
  PROBLEM_TYPE,
  ProblemError,
  UNAVAILABLE_PROBLEM,
} from './problem.ts'

export const REST_PATH = '/api'

export type RestContext = OrdersContext &
  OrderVerbContext &
  InventoryContext &
  ImportContext &
  StockStreamContext & { calls: CallsUnderWay }

/**
 * The REST API: `/api/…`; with `explorer`, its description at `/openapi.json` and a page to try it at `/docs`.
 *
 * Below `/api` every call is authenticated; what describes it is open to all.
 *
 * Every failure below `/api` is answered as `application/problem+json`. What it sets up stays in its own scope: other
 * routes of the same server keep their error handlers, parsers and compilers.
 */
export function restApi(
  context: RestContext,
  {
    authenticate,
    explorer,
    streams = new CountByKey(STREAMS_PER_CALLER_MAX),
  }: Pick<ApiOptions, 'authenticate' | 'explorer' | 'streams'>,
): FastifyPluginAsync {
  return async (fastify) => {
    fastify.setValidatorCompiler(validatorCompiler)
    // the schemas' serializer would parse each answer again (4 µs); types and the fuzzer check answers instead
    fastify.setSerializerCompiler(() => (body) => JSON.stringify(body))
    fastify.setErrorHandler(answerWithProblem)
    const refuseOtherMethods = collectMethods(fastify)
    if (explorer) await openApi(fastify)
    await fastify.register(api, { prefix: REST_PATH })
    await fastify.register(refuseOtherMethods)
  }

  async function api(fastify: FastifyInstance): Promise<void> {
    // before the body is read: strangers send none
    fastify.addHook('onRequest', async (request) => {
      request.caller = await authenticate(request.headers.authorization)
      if (request.is404) throw new ProblemError('NOT_FOUND')
    })
    limitCalls(fastify, context.calls)
    parseJsonOnly(fastify)
    fastify.setNotFoundHandler(answerNotFound)
    await fastify.register(orders(context))
    await fastify.register(holdVerbs(context))
    await fastify.register(orderVerbs(context))
    await fastify.register(inventoryItems(context))
    await fastify.register(movements(context))
    await fastify.register(stockStream(context, streams))
    await fastify.register(inventoryImport(context))
    await fastify.register(csvExports(context))
  }
}

/** Counts calls while the handlers of the routes that are added after run. Their bodies are there by then. */
function limitCalls(fastify: FastifyInstance, calls: CallsUnderWay): void {
  fastify.addHook('onRoute', (route) => {
    const { handler } = route
    route.handler = function (request, reply) {
      return calls.run<unknown>(
        () => handler.call(this, request, reply),
        () =>
          reply.code(503).header('retry-after', RETRY_AFTER_S).type(PROBLEM_TYPE).send(UNAVAILABLE_PROBLEM),
      )
    }
  })
}

function parseJsonOnly(fastify: FastifyInstance): void {
  fastify.removeAllContentTypeParsers()
  // 'error': a body with __proto__ or constructor.prototype is refused
  const parseJson = fastify.getDefaultJsonParser('error', 'error')
  fastify.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    const text = decodeUtf8(body)
    if (text === undefined) done(new ProblemError('MALFORMED_JSON', NOT_UTF_8))
    else void parseJson(request, text, done)
  })
}
