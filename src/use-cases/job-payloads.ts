import { z } from 'zod'
import { readOrigin } from '../domain/origin.ts'

/** An order that a job is about. Jobs of the sweeper have no origin, and one that cannot be read stops no job. */
const orderRef = z.object({
  orderId: z.uuid(),
  lines: z.int().positive().optional().catch(undefined),
  origin: z.unknown().optional().transform(readOrigin),
})
/** Payload of a job that reserves orders. Jobs that versions before 0.2 wrote were about one order each. */
export const reservationPayload = z.union([
  z.object({ orders: z.array(orderRef).min(1) }),
  orderRef.transform((order) => ({ orders: [order] })),
])
/** Payload of a job that makes one scheduled call to the supplier. Jobs that versions before 0.3 wrote name no SKU. */
export const supplierCallPayload = orderRef.extend({
  sku: z.string().optional(),
  step: z.int().positive(),
})
