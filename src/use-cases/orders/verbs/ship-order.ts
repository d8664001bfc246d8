import { assertAllowed } from '../../../domain/authorisation.ts'
import type { Caller } from '../../../domain/caller.ts'
import { ship } from '../../../domain/orders/verbs/ship.ts'
import { newId } from '../../new-id.ts'
import { assertReference } from '../../user-errors.ts'
import {
  type ChangeContext,
  type ChangeOrderResult,
  type ChangeRequest,
  callOrder,
  type OrderVerb,
} from './order-call.ts'

export type ShipOrderRequest = Omit<ChangeRequest, 'note'> & {
  id: string
  /** What of it; null for all that is reserved. A line may name where it is shipped from. */
  lines?: readonly { sku: string; qty: number; location?: string | null }[] | null
  /** Where lines that name none are shipped from; null for wherever they are held. */
  location?: string | null
  /** The shop's own number of the shipment, or the carrier's. */
  reference?: string | null
}

/**
 * Ships what is reserved for an order, or a part of it, once nothing of the order waits. It makes a shipment for each location.
 *
 * @param caller an operator or a service
 * @throws {CallError} FORBIDDEN for customers, BAD_USER_INPUT for a malformed key or reference
 */
export async function shipOrder(
  context: ChangeContext,
  caller: Caller,
  { id, lines = null, location = null, reference = null, ...request }: ShipOrderRequest,
): Promise<ChangeOrderResult> {
  assertAllowed(caller, 'shipOrder')
  assertReference(reference)
  const { expectedVersion = null } = request
  const asked = {
    lines: lines?.map(({ sku, qty, location = null }) => ({ sku, qty, location })) ?? null,
    location,
    reference,
    expectedVersion,
  }
  const verb: OrderVerb = {
    name: 'shipOrder',
    named: [location, ...(asked.lines ?? []).map((line) => line.location)].filter((code) => code !== null),
    needsShipments: false,
    decide: (order, stock, at) => ship(order, stock, asked, newId, at),
  }
  return callOrder(context, caller, id, request, verb, asked)
}
