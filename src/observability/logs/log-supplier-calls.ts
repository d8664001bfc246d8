import type { Logger } from 'pino'
import type { SupplierCallRun } from '../observe-supplier.ts'

/** One line for each call to the supplier: what was asked, what came of it, and how long it took. */
export function logSupplierCalls(logger: Logger): (run: SupplierCallRun) => void {
  return ({ operation, call: { orderId, attempt, requestId, traceId }, answer, outcome, durationMs }) => {
    const about = {
      operation,
      outcome,
      status: answer.httpStatus,
      ms: Math.round(durationMs),
      attempt,
      orderId,
      requestId,
      traceId,
    }
    if (answer.kind === 'transport-error') logger.warn({ ...about, detail: answer.detail }, 'supplier call')
    else logger.info(about, 'supplier call')
  }
}
