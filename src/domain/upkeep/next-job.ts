import type { Order } from '../orders/order.ts'
import { waitingOf } from '../orders/order-line.ts'
import type { Origin } from '../origin.ts'
import { isOpen, type SupplierRequest } from '../supplier/supplier-request.ts'
import type { DeadLetter } from './dead-letter.ts'
import type { SupplierJob } from './jobs.ts'

/** The next call to the supplier for what it was asked for. */
export function supplierJob(request: SupplierRequest, origin?: Origin): SupplierJob {
  const { orderId, sku, step, ref } = request
  // nothing can be checked before the supplier has given a reference
  const task = ref === null ? 'request-supplier' : 'check-supplier-status'
  return { task, payload: { orderId, sku, origin, step } }
}

/**
 * Whether an order still waits for the reservation that a dead letter is of, or for its turn in a queue: a late job's end is no
 * end of the order.
 */
export function isReservationAwaited({ task }: DeadLetter, { status }: Pick<Order, 'status'>): boolean {
  if (task === 'serve-waiting') return status === 'PENDING' || status === 'AWAITING_RESTOCK'
  return task === 'reserve-inventory' && status === 'PENDING'
}

/** Whether a request still waits for the call that a dead letter is of. */
export function isCallAwaited({ task, payload }: DeadLetter, request: SupplierRequest): boolean {
  const { sku, step } = payload
  if (task === 'reserve-inventory' || task === 'serve-waiting' || !isOpen(request)) return false
  return (sku === undefined || sku === request.sku) && step === request.step
}

/**
 * Whether an order waits for what its supplier was asked for, and fails without. One whose promises were taken back waits for
 * any stock.
 */
export function isRestockAwaited(
  { status, ifShort, lines }: Pick<Order, 'status' | 'ifShort' | 'lines'>,
  sku: string,
): boolean {
  const isAsking = status === 'AWAITING_RESTOCK' && ifShort === 'ASK_SUPPLIER'
  return isAsking && lines.some((line) => line.sku === sku && waitingOf(line) > 0)
}
