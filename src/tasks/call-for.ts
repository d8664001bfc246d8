import { randomBytes } from 'node:crypto'
import type { Order } from '../domain/orders/order.ts'
import type { Origin } from '../domain/origin.ts'
import { traceIdOf } from '../domain/trace.ts'
import type { JobTry } from '../domain/upkeep/jobs.ts'
import type { SupplierCall } from '../supplier/contract.ts'

/**
 * Returns the headers' content for a supplier call: order, try, request and trace. If the caller sent no trace, it is the
 * order's own trace, with a made-up parent span that is marked as not sampled.
 */
export function callFor(order: Order, origin: Origin | undefined, { attempt }: JobTry): SupplierCall {
  return {
    orderId: order.id,
    attempt: order.supplierAttempts + attempt,
    requestId: origin?.requestId,
    traceId: traceIdOf(order, origin),
    traceparent: origin?.traceparent ?? `00-${traceIdOf(order)}-${randomBytes(8).toString('hex')}-00`,
  }
}
