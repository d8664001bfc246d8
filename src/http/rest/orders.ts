import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { budgetOf, isCallerId } from '../../domain/caller.ts'
import {
  HOLD_SECONDS_MAX,
  HOLD_SECONDS_MIN,
  IF_SHORT,
  ORDER_LINES_MAX,
  ORDER_LOCATIONS_MAX,
} from '../../domain/orders/order.ts'
import { orderSchema } from '../../shapes/order-shape.ts'
import type { ReadContext } from '../../use-cases/context.ts'
import { type CreateOrderContext, createOrder } from '../../use-cases/orders/create-order.ts'
import { findOrder } from '../../use-cases/orders/find-order.ts'
import { WAIT_MAX_MS } from '../../use-cases/orders/wait-for-outcome.ts'
import { REFERENCE_LENGTH_MAX } from '../../use-cases/user-errors.ts'
import { whenDisconnected } from '../requests/when-disconnected.ts'
import {
  KEYED_CALL_PROBLEMS,
  type KeyedCallContext,
  keyHeadersSchema,
  LINE_PROBLEMS,
  qtySchema,
  refuseOtherMedia,
  runKeyed,
  textSchema,
  wholeNumberSchema,
} from './keyed-call.ts'
import { orderBody } from './order-body.ts'
import { readWait } from './prefer.ts'
import { ProblemError, problemResponses, refusal } from './problem.ts'

const skuSchema = z.string().meta({ description: 'What to order: the SKU of an item in the inventory' })

const newOrderSchema = z
  .strictObject({
    sku: skuSchema.nullish(),
    qty: qtySchema.nullish(),
    lines: z
      .array(z.strictObject({ sku: skuSchema, qty: qtySchema }))
      .meta({
        minItems: 1,
        maxItems: ORDER_LINES_MAX,
        description: 'What to order instead of `sku` and `qty`, which are one line: each SKU once',
      })
      .nullish(),
    locations: z
      .array(z.string())
      .meta({
        minItems: 1,
        maxItems: ORDER_LOCATIONS_MAX,
        description: 'Codes of the locations that alone it may take from',
      })
      .nullish(),
    reference: textSchema(REFERENCE_LENGTH_MAX, "The shop's own number of the order").nullish(),
    if_short: z.enum(IF_SHORT).nullish().meta({
      description:
        'What becomes of what is short: a supplier is asked for it (also if this is left out), the order waits until stock comes for all of it, or it fails',
    }),
    hold_seconds: wholeNumberSchema(
      HOLD_SECONDS_MIN,
      HOLD_SECONDS_MAX,
      'Makes it a hold, which expires so many seconds after its creation unless it is confirmed',
    ).nullish(),
    customer_id: z
      .string()
      .refine(isCallerId, 'Must be 1 to 255 characters on one line, and not blank')
      .nullish()
      .meta({ description: 'Whom a service or an operator orders for. An order of a customer is its own' }),
  })
  .check(({ value: { sku, qty, lines }, issues }) => {
    if (lines) return
    for (const [name, given, expected] of [
      ['sku', sku, 'string'],
      ['qty', qty, 'number'],
    ] as const) {
      if (given !== undefined && given !== null) continue
      const message = `Invalid input: expected ${expected}, where there are no lines`
      issues.push({ code: 'custom', message, path: [name], input: given })
    }
  })
  .meta({
    id: 'CreateOrder',
    description: 'What to order: either `sku` and `qty`, or `lines`',
    examples: [
      { sku: 'WIDGET', qty: 2 },
      {
        lines: [
          { sku: 'WIDGET', qty: 2 },
          { sku: 'GADGET', qty: 1 },
        ],
        reference: 'SHOP-4711',
      },
      // a checkout: the cart is held for ten minutes, or it is known at once that it is not there
      { lines: [{ sku: 'WIDGET', qty: 2 }], hold_seconds: 600, if_short: 'FAIL' },
    ],
  })

const newOrderHeadersSchema = keyHeadersSchema.extend({
  prefer: z
    .string()
    .optional()
    .meta({
      description: `\`wait=SECONDS\` (RFC 7240): the answer waits for what becomes of the order, ${WAIT_MAX_MS / 1_000} s at most`,
      examples: ['wait=5'],
    }),
})

export type OrdersContext = ReadContext & CreateOrderContext & KeyedCallContext

/** `POST /order` and `GET /orders/:id`: take an order, and say how it stands. */
export function orders(context: OrdersContext): FastifyPluginAsyncZod {
  return async (fastify) => {
    fastify.post(
      '/order',
      {
        schema: {
          operationId: 'createOrder',
          tags: ['Orders'],
          summary: 'Order quantities of one or more SKUs',
          description:
            'Answers at once with the order as `pending`; stock is reserved for it in the background. With `Prefer: wait=SECONDS` the answer comes as soon as the order is no longer `pending`, or when the time is over. Read the order at its `Location` to see what became of it.',
          headers: newOrderHeadersSchema,
          querystring: z.strictObject({}),
          body: newOrderSchema,
          response: {
            201: {
              description: 'The order, as it stands: one that a repeat finds may have moved on',
              headers: {
                Location: { type: 'string', description: 'Where to read the order' },
                'Preference-Applied': {
                  type: 'string',
                  description:
                    'The longest wait, as `wait=SECONDS`, where one was asked for and not too many calls wait',
                },
              },
              content: { 'application/json': { schema: orderSchema } },
            },
            ...problemResponses(...KEYED_CALL_PROBLEMS, ...LINE_PROBLEMS, 'INVALID_HOLD', 'RATE_LIMITED'),
          },
        },
        onRequest: refuseOtherMedia,
      },
      async (request, reply) => {
        const { caller, socket } = request
        const {
          customer_id: customerId = null,
          if_short: ifShort,
          hold_seconds: holdSeconds,
          ...body
        } = request.body
        const budget = budgetOf(caller, socket.remoteAddress)
        const waitS = readWait(request.headers.prefer)
        let isApplied = waitS !== undefined
        const onTooMany = () => {
          isApplied = false
        }
        const wait = waitS
          ? { waitMs: waitS * 1_000, disconnected: whenDisconnected(reply.raw), onTooMany }
          : {}
        const { order, userErrors } = await runKeyed(context, request, (call) =>
          createOrder(context, caller, {
            ...call,
            ...body,
            ...wait,
            ifShort,
            holdSeconds,
            customerId,
            budget,
          }),
        )
        if (!order) throw refusal(userErrors)
        if (isApplied) reply.header('preference-applied', `wait=${waitS}`)
        return reply
          .code(201)
          .header('location', `/api/orders/${order.id}`)
          .send(await orderBody(context, order))
      },
    )

    fastify.get(
      '/orders/:id',
      {
        schema: {
          operationId: 'getOrder',
          tags: ['Orders'],
          summary: 'Read an order',
          description: 'The order as it stands.',
          params: z.object({ id: z.string().meta({ format: 'uuid', description: 'The id of the order' }) }),
          querystring: z.strictObject({}),
          response: {
            200: {
              description: 'The order',
              content: { 'application/json': { schema: orderSchema } },
            },
            ...problemResponses('NOT_FOUND'),
          },
        },
      },
      async (request) => {
        const order = await findOrder(context, request.caller, request.params.id)
        if (!order) throw new ProblemError('NOT_FOUND', 'There is no such order')
        return orderBody(context, order)
      },
    )
  }
}
