import type { App } from '../app.ts'
import { inTransaction } from '../database/transaction.ts'
import { allocate } from '../domain/allocation.ts'
import type { Order } from '../domain/order.ts'
import type { NewMovement } from '../domain/stock.ts'
import { completeJobs } from '../sql/complete-jobs.ts'
import { lockOrders } from '../sql/find-orders.ts'
import type { JobIds } from '../sql/insert-orders.ts'
import { lockStock, moveStock } from '../sql/move-stock.ts'
import { transitionOrders } from './transition-orders.ts'

/**
 * Reserves stock for the orders among `orderIds` that are PENDING, oldest first, in one transaction. Those that want
 * more than there is when their turn comes go to the supplier. Any other order is left as it is, so that a repeat
 * does nothing.
 *
 * @param jobs of these orders alone, and run by nobody: they are done with this
 */
export async function reserveInventory(
  app: App,
  orderIds: readonly string[],
  jobs: readonly JobIds[] = [],
): Promise<void> {
  await inTransaction(app, 'reserve-inventory', async (tx) => {
    const orders = (await lockOrders(tx, orderIds)).filter((order) => order.status === 'PENDING')
    const stock = await lockStock(tx, [...new Set(orders.map((order) => order.sku))])
    const { reserved, short } = allocate(orders, stock)

    const createdAt = app.now()
    await Promise.all([
      moveStock(
        tx,
        reserved.map(({ claim, availableAfter }) => reservation(claim, availableAfter, createdAt)),
      ),
      transitionOrders(app, tx, [
        ...reserved.map(({ claim }) => ({ order: claim, to: 'RESERVED' as const })),
        ...short.map((order) => ({ order, to: 'AWAITING_RESTOCK' as const })),
      ]),
      completeJobs(tx, jobs),
    ])
  })
}

/** The movement by which an order takes its quantity. */
export function reservation(order: Order, availableAfter: bigint, createdAt: Date): NewMovement {
  return {
    sku: order.sku,
    type: 'RESERVATION',
    delta: -order.qty,
    availableAfter,
    orderId: order.id,
    reason: null,
    actor: null,
    createdAt,
  }
}
