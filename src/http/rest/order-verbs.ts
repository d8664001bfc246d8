import type { FastifyRequest } from 'fastify'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { ORDER_LINES_MAX } from '../../domain/orders/order.ts'
import { DISPOSITIONS } from '../../domain/orders/verbs/take-back.ts'
import { REASON_LENGTH_MAX } from '../../domain/stock/stock.ts'
import type { ReadContext } from '../../use-cases/context.ts'
import { cancelOrder } from '../../use-cases/orders/verbs/cancel-order.ts'
import type { ChangeContext, ChangeOrderResult } from '../../use-cases/orders/verbs/order-call.ts'
import { returnOrder } from '../../use-cases/orders/verbs/return-order.ts'
import { shipOrder } from '../../use-cases/orders/verbs/ship-order.ts'
import { undoShipment } from '../../use-cases/orders/verbs/undo-shipment.ts'
import { REFERENCE_LENGTH_MAX } from '../../use-cases/user-errors.ts'
import {
  KEYED_CALL_PROBLEMS,
  type KeyedCall,
  type KeyedCallContext,
  keyHeadersSchema,
  qtySchema,
  refuseOtherMedia,
  runKeyed,
  textSchema,
} from './keyed-call.ts'
import { orderBody, orderSchema } from './order-body.ts'
import { type ProblemCode, problemResponses, refusal } from './problem.ts'

export type OrderVerbsContext = ReadContext & ChangeContext & KeyedCallContext

const skuSchema = z.string().meta({ description: 'Of a line of the order' })

function linesSchema<Line extends z.ZodType>(line: Line, description: string) {
  return z.array(line).meta({ minItems: 1, maxItems: ORDER_LINES_MAX, description })
}

const expectedVersionSchema = z
  .int32()
  .nullish()
  .meta({ description: 'The version that the order must have: nothing changes if it has another' })

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
export function orderVerbs(context: OrderVerbsContext): FastifyPluginAsyncZod {
  return async (fastify) => {
    fastify.post(
      '/orders/:id/cancel',
      {
        schema: describeVerb({
          operationId: 'cancelOrder',
          target: 'order',
          body: cancellationSchema,
          summary: 'Cancel an order, or a part of it',
          description:
            'Of a line what waits is cancelled first, then what is reserved, which is released. An order that is cancelled or failed already is answered as it is.',
        }),
        onRequest: refuseOtherMedia,
      },
      (request) => {
        const { expected_version: expectedVersion, ...body } = request.body
        const { id } = request.params
        return answer(request, (call) =>
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
          summary: 'Ship what is reserved for an order, or a part of it',
          description:
            'Makes one shipment for each location that goods leave. Nothing of the order may wait. A location that is named ships what it holds for the order, and takes the promise for the rest over. For operators and services.',
        }),
        onRequest: refuseOtherMedia,
      },
      (request) => {
        const { expected_version: expectedVersion, ...body } = request.body
        const { id } = request.params
        return answer(request, (call) =>
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
          summary: 'Take goods back that were shipped',
          description: 'At most what was shipped and has not come back yet. For operators and services.',
        }),
        onRequest: refuseOtherMedia,
      },
      (request) => {
        const { expected_version: expectedVersion, ...body } = request.body
        const { id } = request.params
        return answer(request, (call) =>
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
          summary: 'Undo a shipment',
          description:
            'Its goods are on hand again where they left, and promised to the order again. For operators and services.',
        }),
        onRequest: refuseOtherMedia,
      },
      (request) => {
        const { expected_version: expectedVersion, note } = request.body
        const { id } = request.params
        return answer(request, (call) =>
          undoShipment(context, request.caller, { ...call, id, note, expectedVersion }),
        )
      },
    )
  }

  async function answer(request: FastifyRequest, verb: (call: KeyedCall) => Promise<ChangeOrderResult>) {
    const { order, userErrors } = await runKeyed(context, request, verb)
    if (!order) throw refusal(userErrors)
    return orderBody(context, order)
  }
}

type VerbDescription<Body extends z.ZodType> = {
  operationId: string
  summary: string
  description: string
  body: Body
  /** What the path names. */
  target: 'order' | 'shipment'
}

function describeVerb<Body extends z.ZodType>({ body, target, ...texts }: VerbDescription<Body>) {
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
        'QTY_EXCEEDED',
        'INSUFFICIENT_STOCK',
        'WRONG_STATE',
        'STALE_EXPECTATION',
      ),
    },
  }
}
