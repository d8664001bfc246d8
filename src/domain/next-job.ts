import type { Job } from './jobs.ts'
import type { Order } from './order.ts'
import { isFinal } from './order-status.ts'

type Waiting = Pick<Order, 'id' | 'status' | 'supplierRef' | 'supplierStep'>

/** The job that brings an order on from where it is; null for one that is final. */
export function nextJob(order: Waiting): Job | null {
  if (isFinal(order.status)) return null
  if (order.status === 'PENDING') return { task: 'reserve-inventory', payload: { orderId: order.id } }
  // nothing can be checked before the supplier has given a reference
  const task = order.supplierRef === null ? 'request-supplier' : 'check-supplier-status'
  return { task, payload: { orderId: order.id, step: order.supplierStep } }
}

/** Whether an order still waits for this job: one that came on meanwhile is no business of a late job's. */
export function isAwaited(job: Job, order: Waiting): boolean {
  const next = nextJob(order)
  if (next === null) return false
  if (job.task === 'reserve-inventory') return next.task === 'reserve-inventory'
  return next.task !== 'reserve-inventory' && next.payload.step === job.payload.step
}
