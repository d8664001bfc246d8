import type { Order } from '../orders/order.ts'
import { isFinal } from '../orders/order-status.ts'
import type { Origin } from '../origin.ts'
import type { DeadLetter } from './dead-letter.ts'
import { type Job, reservationJob, type SupplierJob } from './jobs.ts'

type OrderState = Pick<Order, 'id' | 'status' | 'supplierRef' | 'supplierStep'>

/** Returns the job that an order needs in its current state; null if the state is final. */
export function nextJob(order: OrderState, origin?: Origin): Job | null {
  if (isFinal(order.status)) return null
  if (order.status === 'PENDING') return reservationJob([{ orderId: order.id, origin }])
  return supplierJob(order, origin)
}

/** Returns the job for an order's next supplier call. */
export function supplierJob(order: OrderState, origin?: Origin): SupplierJob {
  // without a reference there is no status to check
  const task = order.supplierRef === null ? 'request-supplier' : 'check-supplier-status'
  return { task, payload: { orderId: order.id, origin, step: order.supplierStep } }
}

/** Whether an order still waits for the job of a dead letter. The end of an outdated job does not end the order. */
export function isAwaited({ task, payload }: DeadLetter, order: OrderState): boolean {
  if (isFinal(order.status)) return false
  if (order.status === 'PENDING') return task === 'reserve-inventory'
  return task !== 'reserve-inventory' && payload.step === order.supplierStep
}
