import { supplierCallPayload } from '../use-cases/job-payloads.ts'
import { findOrderForSupplierCall } from '../use-cases/supplier/settle-supplier-outcomes.ts'
import { callFor } from './call-for.ts'
import { defineTask } from './define-task.ts'

/** Asks the supplier to deliver an order's quantity. The order's id is the key: a repeat delivers nothing more. */
export const requestSupplierTask = defineTask(
  'request-supplier',
  supplierCallPayload,
  async ({ app, supplier }, { orderId, step, origin }, job) => {
    const order = await findOrderForSupplierCall(app, orderId, step)
    if (!order) return
    const outcome = await supplier.reserve(order, callFor(order, origin, job))
    await app.groups.settleSupplierOutcome.submit({ orderId, step, outcome, origin, job })
  },
)
