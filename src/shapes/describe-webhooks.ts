import { z } from 'zod'
import { WEBHOOK_TEST } from '../domain/webhooks/event-names.ts'
import { orderPayloadSchema, stockPayloadSchema, testPayloadSchema } from './webhook-payload.ts'

type Described = {
  /** As OpenAPI 3.1 has them: by the name of the event. */
  webhooks: Record<string, object>
  /** What they refer to, by its name among the document's components. */
  schemas: Record<string, object>
}

const SCHEMAS_PATH = '#/components/schemas/'

/** What a receiver is sent beside the body, as Standard Webhooks has it. */
const WEBHOOK_HEADERS = [
  ['webhook-id', 'Of the event: the same at every attempt, and for every webhook'],
  ['webhook-timestamp', 'Of this attempt, in seconds since 1970'],
  [
    'webhook-signature',
    '`v1,` and base64 of HMAC-SHA256 of `<id>.<timestamp>.<body>`; after a rotation one for each secret, separated by spaces',
  ],
].map(([name, description]) => ({
  name,
  in: 'header',
  required: true,
  description,
  schema: { type: 'string' },
}))

/**
 * Describes every event that may be sent to a webhook, by the schemas that make their payloads.
 *
 * @param config how zod's schemas are said in JSON Schema
 */
export function describeWebhooks(config: Parameters<typeof z.toJSONSchema>[1]): Described {
  const { schemas } = z.toJSONSchema(named(), {
    ...config,
    io: 'output',
    uri: (id) => SCHEMAS_PATH + id,
  })
  const byName = [
    ...orderPayloadSchema.shape.type.options.map((name) => [name, 'OrderWebhook'] as const),
    ...stockPayloadSchema.shape.type.options.map((name) => [name, 'StockWebhook'] as const),
    [testPayloadSchema.shape.type.value, 'TestWebhook'] as const,
  ]
  return {
    webhooks: Object.fromEntries(byName.map(([name, schema]) => [name, { post: operation(name, schema) }])),
    schemas: Object.fromEntries(
      Object.entries(schemas).map(([id, { $id, $schema, ...schema }]) => [id, schema]),
    ),
  }
}

/** The schemas that have a name of their own: the payloads, and what of them does. */
function named() {
  const { shape: order } = orderPayloadSchema.shape.data
  const registry = z.registry<{ id: string }>()
  for (const schema of [
    orderPayloadSchema,
    orderPayloadSchema.shape.data,
    order.event,
    order.lines.element,
    order.shipments.element,
    stockPayloadSchema,
    stockPayloadSchema.shape.data,
    testPayloadSchema,
  ]) {
    registry.add(schema, { id: z.globalRegistry.get(schema)!.id! })
  }
  return registry
}

function operation(name: string, schema: string): object {
  return {
    operationId: name,
    tags: ['Webhooks'],
    summary: name === WEBHOOK_TEST ? 'A test' : `The event ${name}`,
    description: 'Sent to webhooks that listen to it. Delivered at least once, in no promised order.',
    parameters: WEBHOOK_HEADERS,
    requestBody: {
      required: true,
      content: { 'application/json': { schema: { $ref: SCHEMAS_PATH + schema } } },
    },
    responses: {
      '2XX': { description: 'Received. Anything else, and no answer within 15 s, is tried again' },
      '410': { description: 'Not wanted any more: disables the webhook' },
    },
    security: [],
  }
}
