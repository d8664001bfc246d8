import type { App } from '../app.ts'
import { inTransaction } from '../database/transaction.ts'
import { allocate } from '../domain/allocation.ts'
import type { Order } from '../domain/order.ts'
import type { StockChange } from '../domain/stock.ts'
import { completeJobs } from '../sql/complete-jobs.ts'
import { lockOrders } from '../sql/find-orders.ts'
import { lockStock, moveStock } from '../sql/move-stock.ts'
import { transitionOrders } from './transition-orders.ts'

/**
 * Reserves stock for the orders among `orderIds` that are PENDING, oldest first, in one transaction. Those that want
 * more than there is when their turn comes go to the supplier. Any other order is left as it is, so that a repeat
 * does nothing.
 *
 * @param jobIds of jobs of these orders that nobody runs: they are done with this
 */
export async function reserveInventory(
  app: App,
  orderIds: readonly string[],
  jobIds: readonly string[] = [],
): Promise<void> {
  await inTransaction(app, 'reserve-inventory', async (tx) => {
    const orders = (await lockOrders(tx, orderIds)).filter((order) => order.status === 'PENDING')
    if (orders.length === 0 && jobIds.length === 0) return
    const stock = await lockStock(tx, [...new Set(orders.map((order) => order.sku))])
    const { reserved, short } = allocate(orders, stock)

    await Promise.all([
      moveStock(
        tx,
        reserved.map(({ claim, availableAfter }) => reservation(claim, availableAfter)),
        { createdAt: app.now() },
      ),
      transitionOrders(app, tx, [
        ...reserved.map(({ claim }) => ({ order: claim, to: 'RESERVED' as const })),
        ...short.map((order) => ({ order, to: 'AWAITING_RESTOCK' as const })),
      ]),
      completeJobs(tx, jobIds),
    ])
  })
}

/** The movement by which an order takes its quantity. */
export function reservation({ id, sku, qty }: Order, availableAfter: bigint): StockChange {
  return { sku, type: 'RESERVATION', delta: -qty, availableAfter, orderId: id }
}
