import type { Order } from './orders/order.ts'
import type { Origin } from './origin.ts'

const TRACE_ID_START = '00-'.length
const TRACE_ID_END = TRACE_ID_START + 32

/**
 * Returns the trace id of all work for an order, as W3C Trace Context writes it: 32 hexadecimal digits. It is the trace of the
 * request that created the order. If that had none, it is the order's id, so that one id leads to the other.
 */
export function traceIdOf({ id }: Pick<Order, 'id'>, origin?: Pick<Origin, 'traceparent'>): string {
  return origin?.traceparent?.slice(TRACE_ID_START, TRACE_ID_END) ?? id.replaceAll('-', '')
}
