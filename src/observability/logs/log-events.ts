import type { Logger } from 'pino'
import type { OrderEvent } from '../../domain/orders/order.ts'
import { traceIdOf } from '../../domain/origin.ts'

/** One line for each transition of an order, with the job that it happened in and the request that it goes back to. */
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
 * The try that brought it: tasks of the supplier re-schedule themselves, and the order counts their tries. Where no job is
 * under way, as when the sweeper ends an order, what is left of one tells.
 */
function attemptOf({ job, deadLetter, from, order }: OrderEvent): number | undefined {
  if (!job) return deadLetter?.attempts
  return from === 'AWAITING_RESTOCK' ? order.supplierAttempts + job.attempt : job.attempt
}
