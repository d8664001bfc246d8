import type { Logger } from 'pino'
import type { OrderEvent } from '../../domain/orders/order.ts'
import { traceIdOf } from '../../domain/origin.ts'

/** Logs each transition of an order, with its job and the request it goes back to. */
export function logEvents(logger: Logger): (events: readonly OrderEvent[]) => void {
  return (events) => {
    if (!logger.isLevelEnabled('info')) return
    for (const event of events) {
      const { type, from, order, origin, job, deadLetter } = event
      logger.info(
        {
          orderId: order.id,
          sku: order.sku,
          qty: order.qty,
          from,
          to: order.status,
          reason: order.failureReason,
          version: order.version,
          task: job?.task ?? deadLetter?.task,
          attempt: attemptOf(event),
          caller: origin?.caller,
          requestId: origin?.requestId,
          traceId: traceIdOf(order, origin),
        },
        type,
      )
    }
  }
}

/**
 * Returns the number of the try. The supplier's tasks schedule themselves again, so the order counts their tries. If the sweep
 * ends an order, no job runs, and the dead letter has the number.
 */
function attemptOf({ job, deadLetter, from, order }: OrderEvent): number | undefined {
  if (!job) return deadLetter?.attempts
  return from === 'AWAITING_RESTOCK' ? order.supplierAttempts + job.attempt : job.attempt
}
