import { assertAllowed } from '../../../domain/authorisation.ts'
import type { Caller } from '../../../domain/caller.ts'
import { type Disposition, takeBack } from '../../../domain/orders/verbs/take-back.ts'
import {
  type ChangeContext,
  type ChangeOrderResult,
  type ChangeRequest,
  callOrder,
  type OrderVerb,
} from './order-call.ts'

export type ReturnOrderRequest = ChangeRequest & {
  id: string
  /** What comes back. What is discarded never comes into stock again; all else is restocked. */
  lines: readonly { sku: string; qty: number; disposition?: Disposition | null }[]
  /** Where it comes to; null for where it was shipped from. */
  location?: string | null
}

/**
 * Takes goods of an order back that were shipped.
 *
 * @param caller an operator or a service
 * @throws {CallError} FORBIDDEN for customers, BAD_USER_INPUT for a malformed key or note
 */
export async function returnOrder(
  context: ChangeContext,
  caller: Caller,
  { id, location = null, ...request }: ReturnOrderRequest,
): Promise<ChangeOrderResult> {
  assertAllowed(caller, 'returnOrder')
  const { expectedVersion = null } = request
  const lines = request.lines.map(({ sku, qty, disposition }) => ({
    sku,
    qty,
    disposition: disposition ?? ('RESTOCK' as const),
  }))
  const asked = { lines, location, expectedVersion }
  const verb: OrderVerb = {
    name: 'returnOrder',
    named: location === null ? [] : [location],
    needsShipments: true,
    enteredBy: (order, facts, at) => {
      const change = takeBack(order, facts, asked, at)
      return 'refusal' in change ? [] : change.moves
    },
    decide: (order, facts, at) => takeBack(order, facts, asked, at),
  }
  return callOrder(context, caller, id, request, verb, { lines, location })
}
