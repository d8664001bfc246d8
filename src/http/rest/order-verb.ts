import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import { orderSchema } from '../../shapes/order-shape.ts'
import type { ReadContext } from '../../use-cases/context.ts'
import type { ChangeContext, ChangeOrderResult } from '../../use-cases/orders/verbs/order-call.ts'
import {
  KEYED_CALL_PROBLEMS,
  type KeyedCall,
  type KeyedCallContext,
  keyHeadersSchema,
  runKeyed,
} from './keyed-call.ts'
import { orderBody } from './order-body.ts'
import { type ProblemCode, problemResponses, refusal } from './problem.ts'

// What the calls have in common that change an order.

export type OrderVerbContext = ReadContext & ChangeContext & KeyedCallContext

export const expectedVersionSchema = z
  .int32()
  .nullish()
  .meta({ description: 'The version that the order must have: nothing changes if it has another' })

/** Runs a verb and answers with the order. @throws {ProblemError} if it is refused */
export async function answerVerb(
  context: OrderVerbContext,
  request: FastifyRequest,
  verb: (call: KeyedCall) => Promise<ChangeOrderResult>,
) {
  const { order, userErrors } = await runKeyed(context, request, verb)
  if (!order) throw refusal(userErrors)
  return orderBody(context, order)
}

type VerbDescription<Body extends z.ZodType> = {
  operationId: string
  summary: string
  description: string
  body: Body
  /** What it can be refused for, beside what every verb can be. */
  problems: readonly ProblemCode[]
  /** What the path names. */
  target: 'order' | 'shipment'
}

/** Describes the route of a verb. */
export function describeVerb<Body extends z.ZodType>({
  body,
  target,
  problems,
  ...texts
}: VerbDescription<Body>) {
  return {
    ...texts,
    tags: ['Orders'],
    headers: keyHeadersSchema,
    params: z.object({ id: z.string().meta({ format: 'uuid', description: `The id of the ${target}` }) }),
    querystring: z.strictObject({}),
    body,
    response: {
      200: {
        description: 'The order as it is afterwards',
        content: { 'application/json': { schema: orderSchema } },
      },
      ...problemResponses<ProblemCode>(
        ...KEYED_CALL_PROBLEMS,
        target === 'order' ? 'UNKNOWN_ORDER' : 'UNKNOWN_SHIPMENT',
        'WRONG_STATE',
        'STALE_EXPECTATION',
        ...problems,
      ),
    },
  }
}
