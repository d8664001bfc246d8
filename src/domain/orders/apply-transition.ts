import type { Order } from './order.ts'
import type { FailureReason, OrderStatus } from './order-status.ts'

/**
 * Returns the order after a transition.
 *
 * An order that begins to wait for its supplier gets a new step and no reference, so calls that were scheduled before do
 * nothing.
 */
export function applyTransition(
  order: Order,
  to: OrderStatus,
  reason: FailureReason | null,
  at: Date,
): Order {
  const next = { ...order, status: to, failureReason: reason, version: order.version + 1, updatedAt: at }
  if (to !== 'AWAITING_RESTOCK') return next
  return {
    ...next,
    supplierRef: null,
    supplierStep: order.supplierStep + 1,
    supplierAttempts: 0,
    supplierRechecks: 0,
  }
}
