import { randomBytes } from 'node:crypto'
import type { Order } from '../domain/orders/order.ts'
import { type Origin, traceIdOf } from '../domain/origin.ts'
import type { SupplierOutcome } from '../domain/supplier/supplier-policy.ts'
import type { JobTry, SupplierJob } from '../domain/upkeep/jobs.ts'
import type { Supplier, SupplierCall } from '../supplier/contract.ts'
import { supplierCallPayload } from '../use-cases/job-payloads.ts'
import { findOrderForSupplierCall } from '../use-cases/supplier/settle-supplier-outcomes.ts'
import { defineTask, type TaskOf } from './define-task.ts'

/** Asks the supplier to deliver what an order wants. Asked again under the order's id, it delivers once all the same. */
export const requestSupplierTask = callSupplier('request-supplier', (supplier, order, call) =>
  supplier.reserve(order, call),
)

/** Asks the supplier for the status of an order that it has accepted. */
export const checkSupplierStatusTask = callSupplier('check-supplier-status', (supplier, order, call) => {
  if (order.supplierRef === null)
    throw new Error('A status check was scheduled before the supplier gave a reference')
  return supplier.checkStatus(order.supplierRef, call)
})

/** Makes a task that calls the supplier for the order that waits for this call, and settles the outcome. */
function callSupplier(
  task: SupplierJob['task'],
  ask: (supplier: Supplier, order: Order, call: SupplierCall) => Promise<SupplierOutcome>,
): TaskOf {
  return defineTask(task, supplierCallPayload, async ({ app, supplier }, { orderId, step, origin }, job) => {
    const order = await findOrderForSupplierCall(app, orderId, step)
    if (!order) return
    const outcome = await ask(supplier, order, callFor(order, origin, job))
    await app.groups.settleSupplierOutcome.submit({ orderId, step, outcome, origin, job })
  })
}

/**
 * Describes the order and request that a supplier call is made for. Without a trace from the caller it is the order's own,
 * with a parent span that nobody recorded, marked as not sampled.
 */
function callFor(order: Order, origin: Origin | undefined, { attempt }: JobTry): SupplierCall {
  return {
    orderId: order.id,
    attempt: order.supplierAttempts + attempt,
    requestId: origin?.requestId,
    traceId: traceIdOf(order, origin),
    traceparent: origin?.traceparent ?? `00-${traceIdOf(order)}-${randomBytes(8).toString('hex')}-00`,
  }
}
