import { validate as isUuid } from 'uuid'
import { assertAllowed } from '../../../domain/authorisation.ts'
import type { Caller } from '../../../domain/caller.ts'
import { unship } from '../../../domain/orders/verbs/unship.ts'
import { findShipments } from '../../../sql/orders/shipments.ts'
import type { ReadContext } from '../../context.ts'
import { refuse } from '../../user-errors.ts'
import {
  type ChangeContext,
  type ChangeOrderResult,
  type ChangeRequest,
  callOrder,
  type OrderVerb,
  refused,
} from './order-call.ts'

/** `id`: of the shipment. */
export type UndoShipmentRequest = ChangeRequest & { id: string }

/**
 * Undoes a shipment: its goods are on hand again where they left, and promised to the order again.
 *
 * @param caller an operator or a service
 * @throws {CallError} FORBIDDEN for customers, BAD_USER_INPUT for a malformed key or note
 */
export async function undoShipment(
  context: ChangeContext & ReadContext,
  caller: Caller,
  { id, ...request }: UndoShipmentRequest,
): Promise<ChangeOrderResult> {
  assertAllowed(caller, 'undoShipment')
  const { expectedVersion = null } = request
  const [known] = isUuid(id) ? await findShipments(context.pool, [id]) : []
  if (!known) {
    const message = `There is no shipment ${JSON.stringify(id.slice(0, 64))}`
    return refused(refuse('UNKNOWN_SHIPMENT', message, 'id').userErrors[0])
  }
  const verb: OrderVerb = {
    name: 'undoShipment',
    named: [],
    needsShipments: true,
    decide: (order, { shipments, levels }, at) => {
      // as it is now that its order is locked
      const shipment = shipments.find((shipment) => shipment.id === known.id)!
      const change = unship(order, shipment, levels, { expectedVersion }, at)
      return 'refusal' in change ? change : { ...change, undone: shipment.id }
    },
  }
  return callOrder(context, caller, known.orderId, request, verb, { shipmentId: known.id })
}
