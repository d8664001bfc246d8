import { randomBytes } from 'node:crypto'
import { type Origin, traceIdOf } from '../domain/origin.ts'
import type { SupplierOutcome } from '../domain/supplier/supplier-policy.ts'
import { isFirstCall, supplierKeyOf } from '../domain/supplier/supplier-request.ts'
import type { JobTry, SupplierJob } from '../domain/upkeep/jobs.ts'
import type { CallTarget } from '../sql/supplier/supplier-requests.ts'
import type { Supplier, SupplierCall } from '../supplier/contract.ts'
import { supplierCallPayload } from '../use-cases/job-payloads.ts'
import { findSupplierCall } from '../use-cases/supplier/find-supplier-call.ts'
import type { SettledCall } from '../use-cases/supplier/settle-supplier-outcomes.ts'
import { defineTask, type TaskOf } from './define-task.ts'

/** Asks the supplier to deliver what a line of an order wants. Asked again under the same key, it delivers once all the same. */
export const requestSupplierTask = callSupplier('request-supplier', (supplier, request, call) => {
  const { orderId, sku, qty, lines } = request
  return supplier.reserve({ id: orderId, sku, qty, key: supplierKeyOf(request, lines) }, call)
})

/** Asks the supplier for the status of what it has accepted. */
export const checkSupplierStatusTask = callSupplier('check-supplier-status', (supplier, request, call) => {
  if (request.ref === null)
    throw new Error('A status check was scheduled before the supplier gave a reference')
  return supplier.checkStatus(request.ref, call)
})

/**
 * Makes a task that calls the supplier for the request that waits for this call, and settles the outcome. For a line that no
 * longer waits, a supplier is not asked that knows nothing of it yet.
 */
function callSupplier(
  task: SupplierJob['task'],
  ask: (supplier: Supplier, request: CallTarget, call: SupplierCall) => Promise<SupplierOutcome>,
): TaskOf {
  return defineTask(task, supplierCallPayload, async ({ app, supplier }, payload, job) => {
    const request = await findSupplierCall(app, payload)
    if (!request) return
    // versions before 0.3, whose jobs name no SKU, did not tell whether a job may have run
    const isUnknown = isFirstCall(request) && !job.mayHaveRun && payload.sku !== undefined
    const outcome: SettledCall['outcome'] =
      isUnknown && !request.mayWait
        ? { kind: 'not-asked' }
        : await ask(supplier, request, callFor(request, payload.origin, job))
    await app.groups.settleSupplierOutcome.submit({ ...payload, outcome, job })
  })
}

/**
 * Describes the order and request that a supplier call is made for. Without a trace from the caller it is the order's own,
 * with a parent span that nobody recorded, marked as not sampled.
 */
function callFor(
  { orderId, attempts }: CallTarget,
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
