import { supplierKeyOf } from '../domain/supplier/supplier-request.ts'
import { supplierCallPayload } from '../use-cases/job-payloads.ts'
import { findSupplierCall } from '../use-cases/supplier/find-supplier-call.ts'
import { callFor } from './call-for.ts'
import { defineTask } from './define-task.ts'

/** Asks the supplier to deliver what a line of an order wants. Asked again under the same key, it delivers once all the same. */
export const requestSupplierTask = defineTask(
  'request-supplier',
  supplierCallPayload,
  async ({ app, supplier }, payload, job) => {
    const request = await findSupplierCall(app, payload)
    if (!request) return
    const { orderId, sku, qty, lines } = request
    const order = { id: orderId, sku, qty, key: supplierKeyOf(request, lines) }
    const outcome = await supplier.reserve(order, callFor(request, payload.origin, job))
    await app.groups.settleSupplierOutcome.submit({ ...payload, outcome, job })
  },
)
