import type { Job } from './jobs.ts'
import type { Order } from './order.ts'
import type { OrderEventType } from './order-status.ts'

/** What has to be done because of an event, enqueued in the transaction that records the event. */
export const LISTENERS: Record<OrderEventType, (order: Order) => Job[]> = {
  OrderCreated: (order) => [{ task: 'reserve-inventory', payload: { orderId: order.id } }],
  OrderReopened: (order) => [{ task: 'reserve-inventory', payload: { orderId: order.id } }],
  OrderAwaitingRestock: (order) => [
    { task: 'request-supplier', payload: { orderId: order.id, step: order.supplierStep } },
  ],
  OrderReserved: () => [],
  OrderFailed: () => [],
}
