import { validate as isUuid } from 'uuid'
import type { GroupCommit } from '../../../database/group-commit.ts'
import type { Caller } from '../../../domain/caller.ts'
import type { UserError } from '../../../domain/errors.ts'
import type { Order } from '../../../domain/orders/order.ts'
import type { OrderChange, Refusal } from '../../../domain/orders/order-change.ts'
import type { Shipment } from '../../../domain/orders/shipment.ts'
import type { RequestOrigin } from '../../../domain/origin.ts'
import type { Allocation } from '../../../domain/stock/allocation.ts'
import type { Location } from '../../../domain/stock/location.ts'
import { REASON_LENGTH_MAX, type StockLevel } from '../../../domain/stock/stock.ts'
import type { NewKey } from '../../../sql/orders/insert-orders.ts'
import type { LevelKey } from '../../../sql/stock/lock-stock.ts'
import { assertKey } from '../../assert-key.ts'
import { fingerprintOf } from '../../fingerprint.ts'
import { assertText, refuse } from '../../user-errors.ts'

/** What a caller can say with every change of an order. */
export type ChangeRequest = RequestOrigin & {
  /** The version that the caller believes the order to have: nothing changes if it has another. Null for whatever it has. */
  expectedVersion?: number | null
  /** A repeat under the same key answers with what the call made, as it now is. */
  idempotencyKey?: string | null
  /** For the event. */
  note?: string | null
}

/** What a verb has to know beside the order. */
export type OrderFacts = {
  /** Where the order's stock is held. */
  held: readonly Allocation[]
  /** Those of the order, oldest first; none for a verb that does not need them. */
  shipments: readonly Shipment[]
  /** Of the SKUs that the order holds, or shipped: every one. */
  levels: readonly StockLevel[]
  /** Those that are named, as far as they exist. */
  locations: readonly Location[]
  /** The database's time under the order's lock; null unless a verb needs it. */
  clock: Date | null
}

/** What a verb does with an order: a pure function of the domain, and what it needs. */
export type OrderVerb = {
  name: 'confirmOrder' | 'extendHold' | 'cancelOrder' | 'shipOrder' | 'undoShipment' | 'returnOrder'
  /** Locations that the caller names. */
  named: readonly string[]
  needsShipments: boolean
  needsClock?: boolean
  /** Levels that goods come to, and that need not exist; asked before any level is known. */
  enteredBy?: (order: Order, facts: OrderFacts, at: Date) => readonly LevelKey[]
  decide: (order: Order, facts: OrderFacts, at: Date) => VerbChange | Refusal
}

/** A change with the shipments that it makes, or the id of the one that it undoes. */
export type VerbChange = OrderChange & { shipments?: readonly Shipment[]; undone?: string }

/** A well-formed call of a verb, for an order that may not exist. */
export type OrderCall = {
  caller: Caller
  orderId: string
  verb: OrderVerb
  key: NewKey | null
  note: string | null
  origin: RequestOrigin
}

/** The order as it is after a call, and the shipments that the call made; or why nothing was done. */
export type ChangeOrderResult =
  | { order: Order; shipments: readonly Shipment[]; userErrors: [] }
  | { order: null; shipments: []; userErrors: [UserError] }

/** Group commit in which calls of verbs share a transaction, each for another order. */
export type ChangeGroup = GroupCommit<OrderCall, ChangeOrderResult>

/** What the verbs use. */
export type ChangeContext = { groups: { changeOrder: ChangeGroup } }

/**
 * Calls a verb, with others of the moment.
 *
 * @param id the order's, as the caller sent it
 * @param input what tells the call from another of the order under the same idempotency key
 * @throws {CallError} BAD_USER_INPUT for a malformed key or note
 */
export async function callOrder(
  { groups }: ChangeContext,
  caller: Caller,
  id: string,
  { idempotencyKey = null, note = null, expectedVersion, requestId, traceparent }: ChangeRequest,
  verb: OrderVerb,
  input: object,
): Promise<ChangeOrderResult> {
  assertKey(idempotencyKey)
  if (note !== null) assertText('note', note, REASON_LENGTH_MAX)
  if (!isUuid(id)) return refuseUnknownOrder(id)
  const orderId = id.toLowerCase()
  const fingerprint = () => fingerprintOf(verb.name, { ...input, orderId, note, expectedVersion })
  const key = idempotencyKey === null ? null : { key: idempotencyKey, fingerprint: fingerprint() }
  const origin = { requestId, traceparent }
  return groups.changeOrder.submit({ caller, orderId, verb, key, note, origin })
}

/** Answers a call that is refused: no order, and why. */
export function refused(userError: UserError): ChangeOrderResult {
  return { order: null, shipments: [], userErrors: [userError] }
}

/** The same for an order that does not exist, or that the caller may not know of. */
export function refuseUnknownOrder(id: string): ChangeOrderResult {
  return refused(
    refuse('UNKNOWN_ORDER', `There is no order ${JSON.stringify(id.slice(0, 64))}`, 'id').userErrors[0],
  )
}
