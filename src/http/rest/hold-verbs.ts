import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { HOLD_SECONDS_MAX, HOLD_SECONDS_MIN } from '../../domain/orders/order.ts'
import { confirmOrder } from '../../use-cases/orders/verbs/confirm-order.ts'
import { extendHold } from '../../use-cases/orders/verbs/extend-hold.ts'
import { refuseOtherMedia, wholeNumberSchema } from './keyed-call.ts'
import { answerVerb, describeVerb, expectedVersionSchema, type OrderVerbContext } from './order-verb.ts'

const confirmationSchema = z
  .strictObject({ expected_version: expectedVersionSchema })
  .meta({ id: 'ConfirmOrder', description: 'How to confirm it', examples: [{}, { expected_version: 2 }] })

const extensionSchema = z
  .strictObject({
    hold_seconds: wholeNumberSchema(
      HOLD_SECONDS_MIN,
      HOLD_SECONDS_MAX,
      'When it expires, in seconds from now',
    ),
    expected_version: expectedVersionSchema,
  })
  .meta({ id: 'ExtendHold', description: 'When it expires', examples: [{ hold_seconds: 600 }] })

/** What becomes of a hold: `POST /orders/:id/confirm` and `/extend`. */
export function holdVerbs(context: OrderVerbContext): FastifyPluginAsyncZod {
  return async (fastify) => {
    fastify.post(
      '/orders/:id/confirm',
      {
        schema: describeVerb({
          operationId: 'confirmOrder',
          target: 'order',
          body: confirmationSchema,
          problems: ['HOLD_EXPIRED'],
          summary: 'Confirm a hold',
          description: 'It is firm then, and expires no more. From `expires_at` on it is refused.',
        }),
        onRequest: refuseOtherMedia,
      },
      (request) => {
        const { expected_version: expectedVersion } = request.body
        const { id } = request.params
        return answerVerb(context, request, (call) =>
          confirmOrder(context, request.caller, { ...call, id, expectedVersion }),
        )
      },
    )

    fastify.post(
      '/orders/:id/extend',
      {
        schema: describeVerb({
          operationId: 'extendHold',
          target: 'order',
          body: extensionSchema,
          problems: ['HOLD_EXPIRED', 'INVALID_HOLD'],
          summary: 'Extend a hold',
          description:
            'It expires later, or sooner, than it would. From `expires_at` on it is refused: an extension revives nothing.',
        }),
        onRequest: refuseOtherMedia,
      },
      (request) => {
        const { hold_seconds: holdSeconds, expected_version: expectedVersion } = request.body
        const { id } = request.params
        return answerVerb(context, request, (call) =>
          extendHold(context, request.caller, { ...call, id, holdSeconds, expectedVersion }),
        )
      },
    )
  }
}
