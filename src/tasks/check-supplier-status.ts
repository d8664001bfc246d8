import { supplierCallPayload } from '../use-cases/job-payloads.ts'
import { findSupplierCall } from '../use-cases/supplier/find-supplier-call.ts'
import { callFor } from './call-for.ts'
import { defineTask } from './define-task.ts'

/** Asks the supplier for the status of what it has accepted. */
export const checkSupplierStatusTask = defineTask(
  'check-supplier-status',
  supplierCallPayload,
  async ({ app, supplier }, payload, job) => {
    const request = await findSupplierCall(app, payload)
    if (!request) return
    if (request.ref === null)
      throw new Error('A status check was scheduled before the supplier gave a reference')
    const outcome = await supplier.checkStatus(request.ref, callFor(request, payload.origin, job))
    await app.groups.settleSupplierOutcome.submit({ ...payload, outcome, job })
  },
)
