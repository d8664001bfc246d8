import type { OrderEvent } from '../domain/events.ts'
import type { Logger } from './logger.ts'

/** One line for each transition of an order. */
export function logEvents(logger: Logger): (events: readonly OrderEvent[]) => void {
  return (events) => {
    for (const { type, from, to, reason, version, order } of events) {
      logger.info({ orderId: order.id, sku: order.sku, qty: order.qty, from, to, reason, version }, type)
    }
  }
}
