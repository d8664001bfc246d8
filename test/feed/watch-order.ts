import type { Order } from '../../src/domain/orders/order.ts'
import type { OrderStatus } from '../../src/domain/orders/order-status.ts'
import { OrderWatcher } from '../../src/feed/order-watcher.ts'
import { createWatchTally } from '../../src/feed/watch-tally.ts'

/** The order that is watched, in one of its versions. */
export function orderAt(version: number, status: OrderStatus = 'PENDING'): Order {
  return {
    id: '01890a5d-ac96-774b-bcce-b302099a8057',
    customerId: null,
    reference: null,
    locations: null,
    ifShort: 'ASK_SUPPLIER',
    expiresAt: null,
    lines: [{ sku: 'BOLT', qty: 1, reserved: 0, shipped: 0, cancelled: 0, returned: 0 }],
    status,
    failureReason: status === 'FAILED' ? 'INTERNAL_ERROR' : null,
    lookedAt: false,
    ending: null,
    version,
    createdAt: new Date(0),
    updatedAt: new Date(0),
  }
}

/** Watches it, with what hears of the watch. */
export function watch(afterVersion = 0, authorise: (order: Order) => void = () => {}) {
  const closed: OrderWatcher[] = []
  const tally = createWatchTally()
  const watcher = new OrderWatcher(orderAt(1).id, afterVersion, authorise, (one) => closed.push(one), tally)
  return { watcher, closed, tally }
}
