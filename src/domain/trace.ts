import type { Order } from './order.ts'

/**
 * The trace of all that is done for an order, in the form of W3C Trace Context: 32 hexadecimal digits. It is the order's
 * id, so that who has the one has the other.
 */
export function traceIdOf({ id }: Pick<Order, 'id'>): string {
  return id.replaceAll('-', '')
}
