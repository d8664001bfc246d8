import type { FastifyReply, FastifyRequest } from 'fastify'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { budgetOf, isCallerId } from '../../domain/caller.ts'
import { CallError } from '../../domain/errors.ts'
import { type Order, QTY_MAX, QTY_MIN } from '../../domain/orders/order.ts'
import { FAILURE_REASONS, ORDER_STATUSES, type OrderStatus } from '../../domain/orders/order-status.ts'
import { readTraceparent } from '../../domain/origin.ts'
import type { ReadContext } from '../../use-cases/context.ts'
import { type CreateOrderContext, createOrder } from '../../use-cases/orders/create-order.ts'
import { findOrder } from '../../use-cases/orders/find-order.ts'
import { findSupplierRef } from '../../use-cases/supplier/find-supplier-ref.ts'
import { takeJsonType } from '../requests/read-body.ts'
import type { RequestTracing } from '../requests/request-id.ts'
import { ProblemError, problemResponses, refusal } from './problem.ts'

const orderSchema = z
  .object({
    id: z.uuid().describe('A UUID, version 7'),
    sku: z.string(),
    qty: z.int().min(QTY_MIN).max(QTY_MAX),
    status: z
      .enum(ORDER_STATUSES.map(inLowerCase))
      .describe(
        'An order that is `reserved` or `failed` changes no more by itself. A `failed` one may be opened again by an operator',
      ),
    failure_reason: z.enum(FAILURE_REASONS).nullable().describe('Why it failed; null unless it did'),
    supplier_ref: z.string().nullable().describe("The supplier's name for what it will deliver"),
    version: z.int().min(1).describe('Rises by one with each change of the status'),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
  })
  .meta({
    id: 'Order',
    description: 'One order of a quantity of one SKU',
    examples: [
      {
        id: '019a2f6e-7c1b-7d3a-9e42-5b8f0c6d1e2a',
        sku: 'WIDGET',
        qty: 2,
        status: 'pending',
        failure_reason: null,
        supplier_ref: null,
        version: 1,
        created_at: '2026-01-05T09:30:00.000Z',
        updated_at: '2026-01-05T09:30:00.000Z',
      },
    ],
  })

// Of sku and qty only the types are looked at: which values they may have is for the use-case to say. Not z.number(),
// which has no place for 1e400: a number, if far from a quantity.
const newOrderSchema = z
  .strictObject({
    sku: z.string().meta({ description: 'What to order: the SKU of an item in the inventory' }),
    qty: z
      .custom<number>((value) => typeof value === 'number', 'Invalid input: expected number')
      .meta({ type: 'integer', minimum: QTY_MIN, maximum: QTY_MAX, description: 'How many' }),
    customer_id: z
      .string()
      .refine(isCallerId, 'Must be 1 to 255 characters on one line, and not blank')
      .nullish()
      .meta({ description: 'Whom a service or an operator orders for. An order of a customer is its own' }),
  })
  .meta({ id: 'CreateOrder', description: 'What to order', examples: [{ sku: 'WIDGET', qty: 2 }] })

// loose: validation replaces the headers by what comes out of it, and others want to read theirs
const newOrderHeadersSchema = z.looseObject({
  'idempotency-key': z.string().optional().meta({
    description:
      'Makes a repeat harmless: the same call under the same key answers with the same order. 1 to 255 printable ASCII characters, such as a UUID, new for each order',
  }),
})

export type OrdersContext = ReadContext & CreateOrderContext & { tracing?: RequestTracing | undefined }

/** `POST /order` and `GET /orders/:id`: take an order, and say how it stands. */
export function orders(context: OrdersContext): FastifyPluginAsyncZod {
  return async (fastify) => {
    fastify.post(
      '/order',
      {
        schema: {
          operationId: 'createOrder',
          tags: ['Orders'],
          summary: 'Order a quantity of one SKU',
          description:
            'Answers at once with the order as `pending`; stock is reserved for it in the background. Read the order at its `Location` to see what became of it.',
          headers: newOrderHeadersSchema,
          querystring: z.strictObject({}),
          body: newOrderSchema,
          response: {
            201: {
              description: 'The order, as it stands: one that a repeat finds may have moved on',
              headers: { Location: { type: 'string', description: 'Where to read the order' } },
              content: { 'application/json': { schema: orderSchema } },
            },
            ...problemResponses(
              'MALFORMED_JSON',
              'BODY_TOO_LARGE',
              'UNSUPPORTED_MEDIA_TYPE',
              'INVALID_QTY',
              'UNKNOWN_SKU',
              'MALFORMED_BODY',
              'INVALID_IDEMPOTENCY_KEY',
              'IDEMPOTENCY_KEY_REUSED',
              'RATE_LIMITED',
            ),
          },
        },
        onRequest: refuseOtherMedia,
      },
      async (request, reply) => {
        const order = await takeOrder(context, request, request.body)
        return reply
          .code(201)
          .header('location', `/api/orders/${order.id}`)
          .send(await toBody(context, order))
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
        return toBody(context, order)
      },
    )
  }
}

/** Where the parts of a use-case's input are in a call. */
const CULPRITS: Record<string, { pointer: string } | { header: string }> = {
  sku: { pointer: '#/sku' },
  qty: { pointer: '#/qty' },
  idempotencyKey: { header: 'Idempotency-Key' },
}

/** What other services call the header, and what it is misspelt as. Passed over, a repeat would order again. */
const OTHER_KEY_HEADERS = ['x-idempotency-key', 'idempotency_key', 'idempotencykey']

async function takeOrder(
  context: OrdersContext,
  request: FastifyRequest,
  { customer_id: customerId = null, ...body }: z.infer<typeof newOrderSchema>,
): Promise<Order> {
  const { headers } = request
  const misspelt = OTHER_KEY_HEADERS.find((name) => headers[name] !== undefined)
  if (misspelt !== undefined)
    throw new ProblemError('BAD_REQUEST', `The header of a key is Idempotency-Key, not ${misspelt}`)
  const idempotencyKey = (headers['idempotency-key'] as string | undefined) ?? null
  try {
    const { order, userErrors } = await createOrder(context, request.caller, {
      ...body,
      customerId,
      idempotencyKey,
      budget: budgetOf(request.caller, request.socket.remoteAddress),
      requestId: request.id,
      traceparent: context.tracing?.traceparent() ?? readTraceparent(request.headers.traceparent),
    })
    if (order) return order
    throw refusal(userErrors[0], CULPRITS[userErrors[0].field?.at(-1) ?? ''] ?? {})
  } catch (error) {
    // the key is all that this use-case finds malformed
    if (!(error instanceof CallError) || error.code !== 'BAD_USER_INPUT') throw error
    throw new ProblemError('INVALID_IDEMPOTENCY_KEY', error.message, [
      { detail: error.message, ...CULPRITS.idempotencyKey },
    ])
  }
}

/** Before the body is read. Fastify takes a request that names no type for one without a body: it would be called malformed. */
async function refuseOtherMedia({ raw }: FastifyRequest, reply: FastifyReply): Promise<void> {
  const wrong = takeJsonType(raw)
  if (wrong === undefined) return
  if (raw.headers['content-encoding']) reply.header('accept-encoding', 'identity')
  throw new ProblemError('UNSUPPORTED_MEDIA_TYPE', wrong)
}

async function toBody(context: ReadContext, order: Order): Promise<z.infer<typeof orderSchema>> {
  const { sku, qty } = order.lines[0]!
  return {
    id: order.id,
    sku,
    qty,
    status: inLowerCase(order.status),
    failure_reason: order.failureReason,
    supplier_ref: await findSupplierRef(context, order),
    version: order.version,
    created_at: order.createdAt.toISOString(),
    updated_at: order.updatedAt.toISOString(),
  }
}

function inLowerCase(status: OrderStatus): Lowercase<OrderStatus> {
  return status.toLowerCase() as Lowercase<OrderStatus>
}
