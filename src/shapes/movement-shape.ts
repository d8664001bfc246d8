import { z } from 'zod'
import { type InventoryMovement, MOVEMENT_TYPES } from '../domain/stock/stock.ts'

/** A movement, as REST calls answer with it. */
export const movementSchema = z
  .object({
    id: z
      .string()
      .describe('A whole number, larger than those of earlier changes of the SKU at the location'),
    sku: z.string(),
    location: z.string().describe("The location's code"),
    type: z.enum(MOVEMENT_TYPES),
    delta: z.int32().describe('What it added to the available stock'),
    reserved_delta: z
      .int32()
      .describe('What it added to the reserved stock: what is on hand changes by both together'),
    available_after: z.int().min(0).describe('What was available at the location right after it'),
    reserved_after: z.int().min(0).describe('What was reserved at the location right after it'),
    order_id: z.uuid().nullable().describe('The order that caused it'),
    order_version: z
      .int()
      .min(1)
      .nullable()
      .describe('The version of the order that it belongs to; null where it made none'),
    shipment_id: z.uuid().nullable(),
    reason: z.string().nullable(),
    reference: z.string().nullable().describe("The caller's own number of a document"),
    actor: z.string().nullable().describe('Who made the change, where it was a caller'),
    created_at: z.iso.datetime(),
  })
  .meta({
    id: 'Movement',
    description: 'One change of the stock of a SKU at a location',
    examples: [
      {
        id: '4711',
        sku: 'WIDGET',
        location: 'MAIN',
        type: 'RESERVATION',
        delta: -2,
        reserved_delta: 2,
        available_after: 998,
        reserved_after: 2,
        order_id: '019a2f6e-7c1b-7d3a-9e42-5b8f0c6d1e2a',
        order_version: 2,
        shipment_id: null,
        reason: null,
        reference: null,
        actor: null,
        created_at: '2026-01-05T09:30:00.000Z',
      },
    ],
  })

/** Makes the JSON that tells of a movement. */
export function shapeMovement(movement: InventoryMovement): z.infer<typeof movementSchema> {
  return {
    id: String(movement.id),
    sku: movement.sku,
    location: movement.location,
    type: movement.type,
    delta: movement.delta,
    reserved_delta: movement.reservedDelta,
    // stock stays below 2^53
    available_after: Number(movement.availableAfter),
    reserved_after: Number(movement.reservedAfter),
    order_id: movement.orderId,
    order_version: movement.orderVersion,
    shipment_id: movement.shipmentId,
    reason: movement.reason,
    reference: movement.reference,
    actor: movement.actor,
    created_at: movement.createdAt.toISOString(),
  }
}
