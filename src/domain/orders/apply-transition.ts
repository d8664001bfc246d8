import type { Order } from './order.ts'
import type { FailureReason, OrderStatus } from './order-status.ts'

/**
 * An order after a transition.
 *
 * One that starts to wait for its supplier does so on a step of its own and with nothing known: calls that were scheduled
 * before do nothing any more.
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
