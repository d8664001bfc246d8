import type { Caller } from '../../../domain/caller.ts'
import { extend } from '../../../domain/orders/verbs/extend.ts'
import {
  type ChangeContext,
  type ChangeOrderResult,
  type ChangeRequest,
  callOrder,
  type OrderVerb,
} from './order-call.ts'

/** `holdSeconds`: from now. */
export type ExtendHoldRequest = Omit<ChangeRequest, 'note'> & { id: string; holdSeconds: number }

/**
 * Lets a hold expire later, or sooner, than it would, unless it has expired.
 *
 * @param caller a customer extends its own
 * @throws {CallError} BAD_USER_INPUT for a malformed key
 */
export function extendHold(
  context: ChangeContext,
  caller: Caller,
  { id, holdSeconds, ...request }: ExtendHoldRequest,
): Promise<ChangeOrderResult> {
  const { expectedVersion = null } = request
  const verb: OrderVerb = {
    name: 'extendHold',
    named: [],
    needsShipments: false,
    needsClock: true,
    decide: (order, { clock }, at) => extend(order, { holdSeconds, expectedVersion }, clock!, at),
  }
  return callOrder(context, caller, id, request, verb, { holdSeconds })
}
