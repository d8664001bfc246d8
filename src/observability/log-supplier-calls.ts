import type { Supplier, SupplierCall, TransportError } from '../supplier/contract.ts'
import type { Logger } from './logger.ts'

type Answer = { kind: string; httpStatus?: number } | TransportError

/** A supplier each call of which leaves a line: what was asked, what came of it, and how long it took. */
export function logSupplierCalls<S extends Supplier>(supplier: S, logger: Logger): S {
  async function log<A extends Answer>(
    operation: 'reserve' | 'status',
    { orderId, attempt, requestId, traceId }: SupplierCall,
    call: () => Promise<A>,
  ): Promise<A> {
    const startedAtMs = performance.now()
    const answer = await call()
    const about = {
      operation,
      outcome: 'cause' in answer ? answer.cause : answer.kind,
      status: answer.httpStatus,
      ms: Math.round(performance.now() - startedAtMs),
      attempt,
      orderId,
      requestId,
      traceId,
    }
    if ('cause' in answer) logger.warn({ ...about, detail: answer.detail }, 'supplier call')
    else logger.info(about, 'supplier call')
    return answer
  }

  return {
    ...supplier,
    reserve: (order, call) => log('reserve', call, () => supplier.reserve(order, call)),
    checkStatus: (ref, call) => log('status', call, () => supplier.checkStatus(ref, call)),
  }
}
