import type { Order } from '../orders/order.ts'
import { isFinal } from '../orders/order-status.ts'
import type { Origin } from '../origin.ts'
import type { DeadLetter } from './dead-letter.ts'
import { type Job, reservationJob, type SupplierJob } from './jobs.ts'

type Waiting = Pick<Order, 'id' | 'status' | 'supplierRef' | 'supplierStep'>

/** The job that brings an order on from where it is; null for one that is final. */
export function nextJob(order: Waiting, origin?: Origin): Job | null {
  if (isFinal(order.status)) return null
  if (order.status === 'PENDING') return reservationJob([{ orderId: order.id, origin }])
  return supplierJob(order, origin)
}

/** The next call to the supplier for an order that waits for it. */
export function supplierJob(order: Waiting, origin?: Origin): SupplierJob {
  // nothing can be checked before the supplier has given a reference
  const task = order.supplierRef === null ? 'request-supplier' : 'check-supplier-status'
  return { task, payload: { orderId: order.id, origin, step: order.supplierStep } }
}

/** Whether an order still waits for the job that a dead letter is of: a late job's end is no end of the order. */
export function isAwaited({ task, payload }: DeadLetter, order: Waiting): boolean {
  if (isFinal(order.status)) return false
  if (order.status === 'PENDING') return task === 'reserve-inventory'
  return task !== 'reserve-inventory' && payload.step === order.supplierStep
}
