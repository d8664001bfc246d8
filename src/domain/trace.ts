import type { Order } from './orders/order.ts'
import type { Origin } from './origin.ts'

const TRACE_ID_START = '00-'.length
const TRACE_ID_END = TRACE_ID_START + 32

/**
 * The trace of all that is done for an order, in the form of W3C Trace Context: 32 hexadecimal digits. It is the trace of
 * the request that asked for it. Where that had none, it is the order's id, so that who has the one has the other.
 */
export function traceIdOf({ id }: Pick<Order, 'id'>, origin?: Pick<Origin, 'traceparent'>): string {
  return origin?.traceparent?.slice(TRACE_ID_START, TRACE_ID_END) ?? id.replaceAll('-', '')
}
