import { randomBytes } from 'node:crypto'
import type { Origin } from '../domain/origin.ts'
import type { SupplierRequest } from '../domain/supplier/supplier-request.ts'
import { traceIdOf } from '../domain/trace.ts'
import type { JobTry } from '../domain/upkeep/jobs.ts'
import type { SupplierCall } from '../supplier/contract.ts'

/**
 * Describes the order and request that a supplier call is made for. Without a trace from the caller it is the order's own,
 * with a parent span that nobody recorded, marked as not sampled.
 */
export function callFor(
  { orderId, attempts }: SupplierRequest,
  origin: Origin | undefined,
  { attempt }: JobTry,
): SupplierCall {
  const order = { id: orderId }
  return {
    orderId,
    attempt: attempts + attempt,
    requestId: origin?.requestId,
    traceId: traceIdOf(order, origin),
    traceparent: origin?.traceparent ?? `00-${traceIdOf(order)}-${randomBytes(8).toString('hex')}-00`,
  }
}
