import { z } from 'zod'
import type { Order } from '../domain/orders/order.ts'
import type { EventLine } from '../domain/orders/order-event.ts'
import { FAILURE_REASONS, type FailureReason, type OrderStatus } from '../domain/orders/order-status.ts'
import type { InventoryMovement } from '../domain/stock/stock.ts'
import {
  INVENTORY_CHANGED,
  ORDER_EVENT_NAMES,
  type OrderEventName,
  type StockEventName,
  THRESHOLD_NAMES,
  WEBHOOK_TEST,
} from '../domain/webhooks/event-names.ts'
import { movementSchema, shapeMovement } from './movement-shape.ts'
import { inLowerCase, type OrderParts, orderSchema, orderStatusSchema, shapeOrder } from './order-shape.ts'

const timestampSchema = z.iso.datetime().describe('When it happened')

const eventLineSchema = z.object({
  sku: z.string(),
  qty: z.int(),
  missing: z.int().optional().describe('The pieces that a short line lacked'),
  location: z.string().optional().describe("The location's code"),
})

const orderEventSchema = z
  .object({
    version: z.int().min(1).describe('That the order had after it. Later events have larger ones'),
    from: orderStatusSchema.nullable().describe('Null where it was created'),
    to: orderStatusSchema,
    reason: z.enum(FAILURE_REASONS).nullable(),
    lines: z.array(eventLineSchema).nullable().describe('What it was about; null for the whole order'),
  })
  .meta({ id: 'OrderEvent', description: 'What happened to an order, which may have changed since' })

/** The payload of an event of an order. */
export const orderPayloadSchema = z
  .object({
    type: z.enum(Object.values(ORDER_EVENT_NAMES)),
    timestamp: timestampSchema,
    data: orderSchema.extend({ event: orderEventSchema }).meta({
      id: 'OrderWithEvent',
      description: 'The order as it stood at the moment of sending, and what happened to it',
    }),
  })
  .meta({ id: 'OrderWebhook', description: 'An event of an order' })

/** The payload of an event of stock. */
export const stockPayloadSchema = z
  .object({
    type: z.enum([INVENTORY_CHANGED, ...Object.values(THRESHOLD_NAMES)]),
    timestamp: timestampSchema,
    data: movementSchema
      .extend({
        available_before: z.int().min(0).describe('What was available at the location right before it'),
        reserved_before: z.int().min(0).describe('What was reserved at the location right before it'),
      })
      .meta({
        id: 'MovementWithCounters',
        description: 'The movement, with the counters before and after it',
      }),
  })
  .meta({ id: 'StockWebhook', description: 'A change of stock, or a threshold that the SKU crossed by it' })

/** The payload of a test. */
export const testPayloadSchema = z
  .object({
    type: z.literal(WEBHOOK_TEST),
    timestamp: timestampSchema,
    data: z.object({ webhook_id: z.uuid() }),
  })
  .meta({ id: 'TestWebhook', description: 'What testWebhook sends' })

export type WebhookPayload =
  | z.infer<typeof orderPayloadSchema>
  | z.infer<typeof stockPayloadSchema>
  | z.infer<typeof testPayloadSchema>

/** An event of an order, as its table has it. */
export type SentOrderEvent = {
  version: number
  from: OrderStatus | null
  to: OrderStatus
  reason: FailureReason | null
  lines: readonly EventLine[] | null
  at: Date
}

/** Makes the payload of an event of an order, with the order as it stands. */
export function orderPayload(
  type: OrderEventName,
  event: SentOrderEvent,
  order: Order,
  parts: OrderParts,
): WebhookPayload {
  return orderPayloadSchema.parse({
    type,
    timestamp: event.at.toISOString(),
    data: {
      ...shapeOrder(order, parts),
      event: {
        version: event.version,
        from: event.from && inLowerCase(event.from),
        to: inLowerCase(event.to),
        reason: event.reason,
        lines: event.lines,
      },
    },
  })
}

/** Makes the payload of a change of stock. */
export function stockPayload(type: StockEventName, movement: InventoryMovement): WebhookPayload {
  const data = shapeMovement(movement)
  return stockPayloadSchema.parse({
    type,
    timestamp: data.created_at,
    data: {
      ...data,
      available_before: data.available_after - data.delta,
      reserved_before: data.reserved_after - data.reserved_delta,
    },
  })
}

/** Makes the payload of a test. */
export function testPayload(webhookId: string, at: Date): WebhookPayload {
  return testPayloadSchema.parse({
    type: WEBHOOK_TEST,
    timestamp: at.toISOString(),
    data: { webhook_id: webhookId },
  })
}
