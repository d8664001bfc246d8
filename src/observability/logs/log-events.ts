import type { Logger } from 'pino'
import type { OrderEvent } from '../../domain/orders/order-event.ts'
import { traceIdOf } from '../../domain/origin.ts'

/** Logs each change of an order, with its job and the request it goes back to. */
export function logEvents(logger: Logger): (events: readonly OrderEvent[]) => void {
  return (events) => {
    if (!logger.isLevelEnabled('info')) return
    for (const event of events) {
      const { type, from, order, origin, job, deadLetter } = event
      logger.info(
        {
          orderId: order.id,
          sku: order.lines[0]!.sku,
          qty: order.lines[0]!.qty,
          // one is the rule
          lines: order.lines.length > 1 ? order.lines.length : undefined,
          from,
          to: order.status,
          reason: order.failureReason,
          version: order.version,
          task: job?.task ?? deadLetter?.task,
          // where no job is under way, as when the sweeper ends an order, what is left of one tells
          attempt: job?.attempt ?? deadLetter?.attempts,
          caller: origin?.caller,
          requestId: origin?.requestId,
          traceId: traceIdOf(order, origin),
        },
        type,
      )
    }
  }
}
