import { z } from 'zod'
import { IF_SHORT, type Order } from '../domain/orders/order.ts'
import { QTY_MAX, QTY_MIN, waitingOf } from '../domain/orders/order-line.ts'
import { FAILURE_REASONS, ORDER_STATUSES, type OrderStatus } from '../domain/orders/order-status.ts'
import type { Shipment } from '../domain/orders/shipment.ts'

const orderedSchema = z.int().min(QTY_MIN).max(QTY_MAX)
const partSchema = z.int().min(0).max(QTY_MAX)

const orderLineSchema = z
  .object({
    sku: z.string(),
    qty: orderedSchema.describe('As ordered: `reserved`, `waiting`, `shipped` and `cancelled` together'),
    reserved: partSchema,
    waiting: partSchema.describe('Not reserved yet'),
    shipped: partSchema,
    cancelled: partSchema.describe('Given up: it was cancelled, or the order failed or expired'),
    returned: partSchema.describe('Of those shipped'),
  })
  .meta({ id: 'OrderLine', description: 'A quantity of one SKU in an order' })

const shipmentSchema = z
  .object({
    id: z.uuid().describe('A UUID, version 7'),
    location: z.string().describe('Where it left'),
    reference: z.string().nullable().describe("The shop's own number of it, or the carrier's"),
    lines: z.array(z.object({ sku: z.string(), qty: orderedSchema })),
    created_at: z.iso.datetime(),
    undone_at: z.iso.datetime().nullable().describe('When it was undone; null unless it was'),
  })
  .meta({ id: 'Shipment', description: 'Goods of an order that left one location together' })

export const orderStatusSchema = z.enum(ORDER_STATUSES.map(inLowerCase))

/** An order, as REST calls answer with it and webhooks tell it. */
export const orderSchema = z
  .object({
    id: z.uuid().describe('A UUID, version 7'),
    sku: z.string().describe('Of the first line'),
    qty: orderedSchema.describe('Of the first line'),
    lines: z.array(orderLineSchema).min(1).describe('In the order in which they were ordered'),
    reference: z.string().nullable().describe("The shop's own number"),
    if_short: z.enum(IF_SHORT).describe('What becomes of what is short'),
    expires_at: z.iso
      .datetime()
      .nullable()
      .describe(
        'Of a hold: until then it can be confirmed, and from then on it is `expired`. A hold that has ended keeps it. Null for a firm order',
      ),
    status: orderStatusSchema.describe(
      'An order that is `pending` or `awaiting_restock` changes by itself. A `failed` one may be opened again by an operator',
    ),
    failure_reason: z.enum(FAILURE_REASONS).nullable().describe('Why it failed; null unless it did'),
    supplier_ref: z
      .string()
      .nullable()
      .describe("The supplier's name for what it will deliver of the first line"),
    shipments: z.array(shipmentSchema).describe('The oldest first'),
    version: z.int().min(1).describe('Rises by one with each change of the status or of a quantity'),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
  })
  .meta({
    id: 'Order',
    description: 'One order of one or more SKUs',
    examples: [
      {
        id: '019a2f6e-7c1b-7d3a-9e42-5b8f0c6d1e2a',
        sku: 'WIDGET',
        qty: 2,
        lines: [{ sku: 'WIDGET', qty: 2, reserved: 0, waiting: 2, shipped: 0, cancelled: 0, returned: 0 }],
        reference: null,
        if_short: 'ASK_SUPPLIER',
        expires_at: null,
        status: 'pending',
        failure_reason: null,
        supplier_ref: null,
        shipments: [],
        version: 1,
        created_at: '2026-01-05T09:30:00.000Z',
        updated_at: '2026-01-05T09:30:00.000Z',
      },
    ],
  })

export type OrderShape = z.infer<typeof orderSchema>

/** What is told of an order beside its own row. */
export type OrderParts = { supplierRef: string | null; shipments: readonly Shipment[] }

/** Makes the JSON that tells of an order. */
export function shapeOrder(order: Order, { supplierRef, shipments }: OrderParts): OrderShape {
  const { sku, qty } = order.lines[0]!
  return {
    id: order.id,
    sku,
    qty,
    lines: order.lines.map((line) => ({
      sku: line.sku,
      qty: line.qty,
      reserved: line.reserved,
      waiting: waitingOf(line),
      shipped: line.shipped,
      cancelled: line.cancelled,
      returned: line.returned,
    })),
    reference: order.reference,
    if_short: order.ifShort,
    expires_at: order.expiresAt?.toISOString() ?? null,
    status: inLowerCase(order.status),
    failure_reason: order.failureReason,
    supplier_ref: supplierRef,
    shipments: shipments.map(shapeShipment),
    version: order.version,
    created_at: order.createdAt.toISOString(),
    updated_at: order.updatedAt.toISOString(),
  }
}

function shapeShipment(shipment: Shipment): OrderShape['shipments'][number] {
  return {
    id: shipment.id,
    location: shipment.location,
    reference: shipment.reference,
    lines: shipment.lines.map(({ sku, qty }) => ({ sku, qty })),
    created_at: shipment.createdAt.toISOString(),
    undone_at: shipment.undoneAt?.toISOString() ?? null,
  }
}

/** A status as JSON has it. */
export function inLowerCase(status: OrderStatus): Lowercase<OrderStatus> {
  return status.toLowerCase() as Lowercase<OrderStatus>
}
