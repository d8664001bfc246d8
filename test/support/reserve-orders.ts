import type { App } from '../../src/create-app.ts'
import { reserveInventory } from '../../src/use-cases/orders/reserve-inventory.ts'

/** Reserves orders by their ids, as their jobs would. */
export function reserveOrders(app: App, ids: readonly string[]): Promise<void> {
  return reserveInventory(
    app,
    ids.map((orderId) => ({ orderId })),
  )
}
