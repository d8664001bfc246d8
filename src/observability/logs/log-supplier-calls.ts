import type { Logger } from 'pino'
import type { SupplierCallRun } from '../observe-supplier.ts'

/** Logs each supplier call with its operation, outcome and duration. */
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
