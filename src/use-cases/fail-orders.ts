import type { App } from '../app.ts'
import { inTransaction } from '../database/transaction.ts'
import { isFinal } from '../domain/order-status.ts'
import { lockOrders } from '../sql/find-orders.ts'
import { transitionOrders } from './transition-orders.ts'

/** Ends orders whose job has used up its attempts: FAILED with INTERNAL_ERROR. One that has ended already stays so. */
export async function failOrders(app: App, orderIds: readonly string[]): Promise<void> {
  await inTransaction(app, 'fail-orders', async (tx) => {
    const orders = (await lockOrders(tx, orderIds)).filter((order) => !isFinal(order.status))
    await transitionOrders(
      app,
      tx,
      orders.map((order) => ({ order, to: 'FAILED', reason: 'INTERNAL_ERROR' })),
    )
  })
}
