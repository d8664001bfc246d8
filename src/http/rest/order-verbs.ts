import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { ORDER_LINES_MAX } from '../../domain/orders/order.ts'
import { DISPOSITIONS } from '../../domain/orders/verbs/take-back.ts'
import { REASON_LENGTH_MAX } from '../../domain/stock/stock.ts'
import { cancelOrder } from '../../use-cases/orders/verbs/cancel-order.ts'
import { returnOrder } from '../../use-cases/orders/verbs/return-order.ts'
import { shipOrder } from '../../use-cases/orders/verbs/ship-order.ts'
import { undoShipment } from '../../use-cases/orders/verbs/undo-shipment.ts'
import { REFERENCE_LENGTH_MAX } from '../../use-cases/user-errors.ts'
import { LINE_PROBLEMS, qtySchema, refuseOtherMedia, textSchema } from './keyed-call.ts'
import { answerVerb, describeVerb, expectedVersionSchema, type OrderVerbContext } from './order-verb.ts'

/** What they are refused for as the order, or the stock, stands. */
const VERB_PROBLEMS = [...LINE_PROBLEMS, 'QTY_EXCEEDED', 'INSUFFICIENT_STOCK'] as const

const skuSchema = z.string().meta({ description: 'Of a line of the order' })

function linesSchema<Line extends z.ZodType>(line: Line, description: string) {
  return z.array(line).meta({ minItems: 1, maxItems: ORDER_LINES_MAX, description })
}

const noteSchema = textSchema(REASON_LENGTH_MAX, "For the order's history").nullish()

const cancellationSchema = z
  .strictObject({
    lines: linesSchema(
      z.strictObject({ sku: skuSchema, qty: qtySchema }),
      'What to cancel; all that is not shipped if it is left out',
    ).nullish(),
    note: noteSchema,
    expected_version: expectedVersionSchema,
  })
  .meta({
    id: 'CancelOrder',
    description: 'What to cancel',
    examples: [{}, { lines: [{ sku: 'WIDGET', qty: 1 }] }],
  })

const shippingSchema = z
  .strictObject({
    lines: linesSchema(
      z.strictObject({
        sku: skuSchema,
        qty: qtySchema,
        location: z.string().nullish().meta({ description: 'Where it leaves; else `location` of the call' }),
      }),
      'What to ship; all that is reserved if it is left out',
    ).nullish(),
    location: z
      .string()
      .nullish()
      .meta({ description: 'Where it leaves; where it is held if it is left out' }),
    reference: textSchema(
      REFERENCE_LENGTH_MAX,
      "The shop's own number of the shipment, or the carrier's",
    ).nullish(),
    expected_version: expectedVersionSchema,
  })
  .meta({ id: 'ShipOrder', description: 'What to ship', examples: [{}, { reference: 'PARCEL-1' }] })

const returnSchema = z
  .strictObject({
    lines: linesSchema(
      z.strictObject({
        sku: skuSchema,
        qty: qtySchema,
        disposition: z.enum(DISPOSITIONS).nullish().meta({
          default: 'RESTOCK',
          description: 'What becomes of it: what is discarded never comes back into stock',
        }),
      }),
      'What came back',
    ),
    location: z
      .string()
      .nullish()
      .meta({ description: 'Where to; where it was shipped from if it is left out' }),
    note: noteSchema,
    expected_version: expectedVersionSchema,
  })
  .meta({
    id: 'ReturnOrder',
    description: 'What came back',
    examples: [{ lines: [{ sku: 'WIDGET', qty: 1, disposition: 'RESTOCK' }] }],
  })

const undoingSchema = z
  .strictObject({ note: noteSchema, expected_version: expectedVersionSchema })
  .meta({ id: 'UndoShipment', description: 'How to undo it', examples: [{}] })

/** What becomes of an order: `POST /orders/:id/cancel`, `/ship` and `/return`, and `POST /shipments/:id/undo`. */
export function orderVerbs(context: OrderVerbContext): FastifyPluginAsyncZod {
  return async (fastify) => {
    fastify.post(
      '/orders/:id/cancel',
      {
        schema: describeVerb({
          operationId: 'cancelOrder',
          target: 'order',
          body: cancellationSchema,
          problems: VERB_PROBLEMS,
          summary: 'Cancel an order, or a part of it',
          description:
            'Of a line what waits is cancelled first, then what is reserved, which is released. An order that is cancelled, expired or failed already is answered as it is.',
        }),
        onRequest: refuseOtherMedia,
      },
      (request) => {
        const { expected_version: expectedVersion, ...body } = request.body
        const { id } = request.params
        return answerVerb(context, request, (call) =>
          cancelOrder(context, request.caller, { ...call, ...body, id, expectedVersion }),
        )
      },
    )

    fastify.post(
      '/orders/:id/ship',
      {
        schema: describeVerb({
          operationId: 'shipOrder',
          target: 'order',
          body: shippingSchema,
          problems: VERB_PROBLEMS,
          summary: 'Ship what is reserved for an order, or a part of it',
          description:
            'Makes one shipment for each location that goods leave. Nothing of the order may wait. A location that is named ships what it holds for the order, and takes the promise for the rest over. For operators and services.',
        }),
        onRequest: refuseOtherMedia,
      },
      (request) => {
        const { expected_version: expectedVersion, ...body } = request.body
        const { id } = request.params
        return answerVerb(context, request, (call) =>
          shipOrder(context, request.caller, { ...call, ...body, id, expectedVersion }),
        )
      },
    )

    fastify.post(
      '/orders/:id/return',
      {
        schema: describeVerb({
          operationId: 'returnOrder',
          target: 'order',
          body: returnSchema,
          problems: VERB_PROBLEMS,
          summary: 'Take goods back that were shipped',
          description: 'At most what was shipped and has not come back yet. For operators and services.',
        }),
        onRequest: refuseOtherMedia,
      },
      (request) => {
        const { expected_version: expectedVersion, ...body } = request.body
        const { id } = request.params
        return answerVerb(context, request, (call) =>
          returnOrder(context, request.caller, { ...call, ...body, id, expectedVersion }),
        )
      },
    )

    fastify.post(
      '/shipments/:id/undo',
      {
        schema: describeVerb({
          operationId: 'undoShipment',
          target: 'shipment',
          body: undoingSchema,
          problems: ['QTY_EXCEEDED', 'INVALID_QTY'],
          summary: 'Undo a shipment',
          description:
            'Its goods are on hand again where they left, and promised to the order again. For operators and services.',
        }),
        onRequest: refuseOtherMedia,
      },
      (request) => {
        const { expected_version: expectedVersion, note } = request.body
        const { id } = request.params
        return answerVerb(context, request, (call) =>
          undoShipment(context, request.caller, { ...call, id, note, expectedVersion }),
        )
      },
    )
  }
}
