import type { Caller } from '../../../domain/caller.ts'
import { confirm } from '../../../domain/orders/verbs/confirm.ts'
import {
  type ChangeContext,
  type ChangeOrderResult,
  type ChangeRequest,
  callOrder,
  type OrderVerb,
} from './order-call.ts'

export type ConfirmOrderRequest = Omit<ChangeRequest, 'note'> & { id: string }

/**
 * Makes a hold firm, unless it has expired.
 *
 * @param caller a customer confirms its own
 * @throws {CallError} BAD_USER_INPUT for a malformed key
 */
export function confirmOrder(
  context: ChangeContext,
  caller: Caller,
  { id, ...request }: ConfirmOrderRequest,
): Promise<ChangeOrderResult> {
  const { expectedVersion = null } = request
  const verb: OrderVerb = {
    name: 'confirmOrder',
    named: [],
    needsShipments: false,
    needsClock: true,
    decide: (order, { clock }, at) => confirm(order, { expectedVersion }, clock!, at),
  }
  return callOrder(context, caller, id, request, verb, {})
}
