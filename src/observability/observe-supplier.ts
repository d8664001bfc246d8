import type { Logger } from 'pino'
import type {
  ReserveAnswer,
  StatusAnswer,
  Supplier,
  SupplierCall,
  TransportError,
} from '../supplier/contract.ts'

export type SupplierCallRun = {
  operation: 'reserve' | 'status'
  call: SupplierCall
  answer: ReserveAnswer | StatusAnswer | TransportError
  /** The answer, or why there was none. */
  outcome: Exclude<SupplierCallRun['answer']['kind'], 'transport-error'> | TransportError['cause']
  durationMs: number
}

/**
 * Calls a hook after each supplier call. It wraps the circuit breaker, so that skipped calls, which count as tries, are seen
 * too.
 */
export function observeSupplier<S extends Supplier>(supplier: S, onCall: (run: SupplierCallRun) => void): S {
  async function observe<Answer extends SupplierCallRun['answer']>(
    operation: SupplierCallRun['operation'],
    call: SupplierCall,
    ask: () => Promise<Answer>,
  ): Promise<Answer> {
    const startedAtMs = performance.now()
    const answer = await ask()
    const durationMs = performance.now() - startedAtMs
    const outcome = answer.kind === 'transport-error' ? answer.cause : answer.kind
    onCall({ operation, call, answer, outcome, durationMs })
    return answer
  }

  return {
    ...supplier,
    reserve: (order, call) => observe('reserve', call, () => supplier.reserve(order, call)),
    checkStatus: (ref, call) => observe('status', call, () => supplier.checkStatus(ref, call)),
  }
}

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
