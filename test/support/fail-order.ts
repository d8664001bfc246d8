import type { App } from '../../src/create-app.ts'
import { failOrders } from '../../src/use-cases/orders/fail-orders.ts'

/** Ends an order as its job does that has used up its attempts: FAILED with INTERNAL_ERROR, and a dead letter. */
export function failOrder(app: App, orderId: string): Promise<unknown> {
  const deadLetter = {
    task: 'reserve-inventory' as const,
    payload: { orderId },
    error: 'no disk',
    attempts: 8,
  }
  return failOrders(app, [deadLetter])
}
