import { supplierCallPayload } from '../use-cases/job-payloads.ts'
import { findOrderForSupplierCall } from '../use-cases/supplier/settle-supplier-outcomes.ts'
import { callFor } from './call-for.ts'
import { defineTask } from './define-task.ts'

/** Asks the supplier for the status of an order that it accepted. */
export const checkSupplierStatusTask = defineTask(
  'check-supplier-status',
  supplierCallPayload,
  async ({ app, supplier }, { orderId, step, origin }, job) => {
    const order = await findOrderForSupplierCall(app, orderId, step)
    if (!order) return
    if (order.supplierRef === null)
      throw new Error(`Order ${orderId} has no supplier reference, so its status cannot be checked`)
    const outcome = await supplier.checkStatus(order.supplierRef, callFor(order, origin, job))
    await app.groups.settleSupplierOutcome.submit({ orderId, step, outcome, origin, job })
  },
)
