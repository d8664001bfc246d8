import { z } from 'zod'
import { readOrigin } from '../domain/origin.ts'
import { isSku } from '../domain/stock/stock.ts'

/** An order that a job is about. The sweep's jobs have no origin; a malformed origin counts as none. */
const orderRef = z.object({
  orderId: z.uuid(),
  lines: z.int().positive().optional().catch(undefined),
  origin: z.unknown().optional().transform(readOrigin),
})
/** Payload of a job that reserves orders. Versions before 0.2 wrote one job for each order. */
export const reservationPayload = z.union([
  z.object({ orders: z.array(orderRef).min(1) }),
  orderRef.transform((order) => ({ orders: [order] })),
])
/** Payload of a job that serves those who wait for a SKU. */
export const servingPayload = z.object({ sku: z.string().refine(isSku) })
/** Payload of a job that sends what is due of a webhook. */
export const sendingPayload = z.object({ webhookId: z.uuid() })
/** Payload of a job that makes one scheduled call to the supplier. Jobs that versions before 0.3 wrote name no SKU. */
export const supplierCallPayload = orderRef.extend({
  sku: z.string().optional(),
  step: z.int().positive(),
})
