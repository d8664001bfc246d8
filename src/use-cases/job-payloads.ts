import { z } from 'zod'
import { readOrigin } from '../domain/origin.ts'

/** Payload of a job about one order. Jobs of the sweeper have no origin, and one that cannot be read stops no job. */
export const orderPayload = z.object({
  orderId: z.uuid(),
  origin: z.unknown().optional().transform(readOrigin),
})
/** Payload of a job that makes one scheduled call to the supplier. */
export const supplierCallPayload = orderPayload.extend({ step: z.int().positive() })
