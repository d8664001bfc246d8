import type { Caller } from '../../../domain/caller.ts'
import { cancel } from '../../../domain/orders/verbs/cancel.ts'
import {
  type ChangeContext,
  type ChangeOrderResult,
  type ChangeRequest,
  callOrder,
  type OrderVerb,
} from './order-call.ts'

export type CancelOrderRequest = ChangeRequest & {
  id: string
  /** What of it; null for all that is not shipped. */
  lines?: readonly { sku: string; qty: number }[] | null
}

/**
 * Cancels an order, or a part of it: what waits goes first, then what is reserved, which is free again. All of an order that
 * has ended already is cancelled by leaving it as it is.
 *
 * @param caller a customer cancels its own
 * @throws {CallError} BAD_USER_INPUT for a malformed key or note
 */
export function cancelOrder(
  context: ChangeContext,
  caller: Caller,
  { id, lines = null, ...request }: CancelOrderRequest,
): Promise<ChangeOrderResult> {
  const { expectedVersion = null } = request
  const verb: OrderVerb = {
    name: 'cancelOrder',
    named: [],
    needsShipments: false,
    decide: (order, { held }, at) => cancel(order, held, { lines, expectedVersion }, at),
  }
  return callOrder(context, caller, id, request, verb, { lines })
}
