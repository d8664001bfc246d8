import type { Logger } from 'pino'
import type { OrderEvent } from '../../domain/orders/order-event.ts'
import { traceIdOf } from '../../domain/trace.ts'

/** One line for each change of an order, with the job that it happened in and the request that it goes back to. */
export function logEvents(logger: Logger): (events: readonly OrderEvent[]) => void {
  return (events) => {
    if (!logger.isLevelEnabled('info')) return
    for (const event of events) {
      const { type, from, to, reason, version, order, origin, job, deadLetter } = event
      logger.info(
        {
          orderId: order.id,
          sku: order.lines[0]!.sku,
          qty: order.lines[0]!.qty,
          // one is the rule
          lines: order.lines.length > 1 ? order.lines.length : undefined,
          from,
          to,
          reason,
          version,
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
