import { GroupCommit, type GroupObserver } from '../../../database/group-commit.ts'
import { inTransaction, type Tx } from '../../../database/transaction.ts'
import { canSee } from '../../../domain/authorisation.ts'
import type { Order } from '../../../domain/orders/order.ts'
import { waitingOf } from '../../../domain/orders/order-line.ts'
import type { Shipment } from '../../../domain/orders/shipment.ts'
import { isLocationCode } from '../../../domain/stock/location.ts'
import type { StockLevel, StockMove } from '../../../domain/stock/stock.ts'
import { lockOrders } from '../../../sql/orders/find-orders.ts'
import { readClock } from '../../../sql/orders/holds.ts'
import { findKeys, type KeyRecord } from '../../../sql/orders/idempotency-keys.ts'
import { findShipments, findShipmentsOf, insertShipments, noteUndone } from '../../../sql/orders/shipments.ts'
import { findHoldings } from '../../../sql/stock/ledger/find-holdings.ts'
import { findLocations } from '../../../sql/stock/locations.ts'
import { type LockedStock, lockStock, NO_STOCK } from '../../../sql/stock/lock-stock.ts'
import type { WriteContext } from '../../context.ts'
import { claimKeys, retryTakenKeys } from '../../run-once-per-key.ts'
import { refuseReusedKey } from '../../user-errors.ts'
import { writeChanges } from '../write-changes.ts'
import {
  type ChangeGroup,
  type ChangeOrderResult,
  type OrderCall,
  type OrderFacts,
  refused,
  refuseUnknownOrder,
  type VerbChange,
} from './order-call.ts'

/** Calls of one transaction: one for each of CALLS_UNDER_WAY_MAX. */
const CALLS_BATCH_MAX = 300
/** No more calls are in flight than a batch holds: never reached. */
const CALLS_WAITING_MAX = 10_000
/** Makes the group of verbs: calls that arrive during a commit share the next one. */
export function createChangeGroup(context: WriteContext, observer: GroupObserver): ChangeGroup {
  return new GroupCommit((calls) => changeOrders(context, calls), {
    batchSizeMax: CALLS_BATCH_MAX,
    keyOf: ({ orderId }) => orderId,
    waitingMax: CALLS_WAITING_MAX,
    ...observer,
  })
}

/**
 * Changes orders as callers ask for it, in one transaction: each call by its verb, or it is refused and leaves nothing. A call
 * under a key that was used before changes nothing.
 *
 * @param calls no two for one order
 * @returns a result for each, in their order
 */
async function changeOrders(
  context: WriteContext,
  calls: readonly OrderCall[],
): Promise<ChangeOrderResult[]> {
  return retryTakenKeys(() =>
    inTransaction(context, 'change-orders', (tx) => changeOrdersIn(context, tx, calls)),
  )
}

async function changeOrdersIn(
  { now }: WriteContext,
  tx: Tx,
  calls: readonly OrderCall[],
): Promise<ChangeOrderResult[]> {
  const cases = await readCases(tx, calls)
  const at = now()
  const locked = await lockNeeded(tx, cases, at)
  const stock = new CurrentStock(locked.levels)
  const claimed = new Set<string>()
  const verdicts = cases.map((one): Verdict => {
    const { call } = one
    if (!('order' in one)) return one
    const key = call.key && `${call.caller.id} ${call.key.key}`
    if (key && claimed.has(key)) return { call, result: refused(refuseReusedKey().userErrors[0]) }
    const change = call.verb.decide(one.order, { ...one.facts, levels: stock.levelsOf(one.order) }, at)
    if ('refusal' in change) return { call, result: refused(change.refusal) }
    stock.apply(change.moves)
    if (key) claimed.add(key)
    return {
      call,
      change,
      result: { order: change.after, shipments: change.shipments ?? [], userErrors: [] },
    }
  })
  const done = verdicts.flatMap(({ call, change }) => (change ? [{ call, change }] : []))
  await write(tx, done, locked, at)
  return verdicts.map(({ result }) => result)
}

/** A call that needs no decision, or the order that it is for and what is known of it. */
type Case =
  | { call: OrderCall; result: ChangeOrderResult; change?: never }
  | { call: OrderCall; order: Order; facts: Omit<OrderFacts, 'levels'> }

/** What comes of a call. */
type Verdict = { call: OrderCall; result: ChangeOrderResult; change?: VerbChange }

/** Locks the orders, and reads what is known of them. Nobody else changes that while they are locked. */
async function readCases(tx: Tx, calls: readonly OrderCall[]): Promise<Case[]> {
  const ids = calls.map(({ orderId }) => orderId)
  const shipped = calls.filter(({ verb }) => verb.needsShipments).map(({ orderId }) => orderId)
  const named = calls.flatMap(({ verb }) => verb.named.filter(isLocationCode))
  const [orders, earlier, holdings, shipments, locations, clock] = await Promise.all([
    lockOrders(tx, ids),
    findEarlier(tx, calls),
    findHoldings(tx, ids),
    shipped.length > 0 ? findShipmentsOf(tx, shipped) : [],
    named.length > 0 ? findLocations(tx, named) : [],
    // behind the orders' locks: whoever waited for one is judged by the time after it
    calls.some(({ verb }) => verb.needsClock) ? readClock(tx) : null,
  ])
  const orderOf = new Map(orders.map((order) => [order.id, order]))
  const heldBy = Map.groupBy(holdings, ({ orderId }) => orderId)
  const shipmentsOf = Map.groupBy(shipments, ({ orderId }) => orderId)
  const made = await findMade(tx, [...earlier.values()])
  return calls.map((call) => {
    const order = orderOf.get(call.orderId)
    if (!order || !canSee(call.caller, order)) return { call, result: refuseUnknownOrder(call.orderId) }
    const before = earlier.get(call)
    if (before) return { call, result: repeat(call, before, order, made) }
    const held = heldBy.get(order.id) ?? []
    return { call, order, facts: { held, shipments: shipmentsOf.get(order.id) ?? [], locations, clock } }
  })
}

/** Reads what callers did before under the keys of their calls. */
async function findEarlier(tx: Tx, calls: readonly OrderCall[]): Promise<Map<OrderCall, KeyRecord>> {
  const keyed = calls.filter(({ key }) => key)
  if (keyed.length === 0) return new Map()
  const keys = keyed.map(({ caller, key }) => ({ caller: caller.id, key: key!.key }))
  const found = await findKeys(tx, keys)
  return new Map(keyed.flatMap((call, index) => (found[index] ? [[call, found[index]]] : [])))
}

/** Reads the shipments that were made under keys, as they now are. */
async function findMade(tx: Tx, earlier: readonly KeyRecord[]): Promise<Shipment[]> {
  const ids = earlier.flatMap(({ shipmentIds }) => shipmentIds)
  return ids.length > 0 ? findShipments(tx, ids) : []
}

function repeat(
  { verb, key }: OrderCall,
  earlier: KeyRecord,
  order: Order,
  made: readonly Shipment[],
): ChangeOrderResult {
  if (earlier.verb !== verb.name || earlier.fingerprint !== key!.fingerprint) {
    return refused(refuseReusedKey().userErrors[0])
  }
  const shipments = made.filter(({ id }) => earlier.shipmentIds.includes(id))
  return { order, shipments, userErrors: [] }
}

/** Locks the stock that verbs look at or move. */
async function lockNeeded(tx: Tx, cases: readonly Case[], at: Date): Promise<LockedStock> {
  const open = cases.flatMap((one) => ('order' in one ? [one] : []))
  const needed = open.flatMap(({ order, facts: { held, shipments }, call: { verb } }) => [
    ...held,
    ...shipments.flatMap(({ lines }) => lines),
    // what is cancelled of an order may let the rest of it fit: nobody takes, or finds, the stock of that meanwhile
    ...(verb.name === 'cancelOrder' && order.status !== 'PENDING'
      ? order.lines.filter((line) => waitingOf(line) > 0)
      : []),
  ])
  if (needed.length === 0) return NO_STOCK
  const entered = open.flatMap(
    ({ call: { verb }, order, facts }) => verb.enteredBy?.(order, { ...facts, levels: [] }, at) ?? [],
  )
  return lockStock(
    tx,
    needed.map(({ sku }) => sku),
    entered,
  )
}

/** Levels as verb after verb leaves them. */
class CurrentStock {
  readonly #levels: Map<string, StockLevel[]>

  constructor(levels: readonly StockLevel[]) {
    this.#levels = Map.groupBy(
      levels.map((level) => ({ ...level })),
      ({ sku }) => sku,
    )
  }

  levelsOf({ lines }: Order): StockLevel[] {
    return lines.flatMap(({ sku }) => this.#levels.get(sku) ?? [])
  }

  apply(moves: readonly StockMove[]): void {
    for (const { sku, location, delta, reservedDelta } of moves) {
      const level = this.#levels.get(sku)!.find((level) => level.location === location)!
      level.available += BigInt(delta)
      level.reserved += BigInt(reservedDelta)
    }
  }
}

type Done = { call: OrderCall; change: VerbChange }

async function write(tx: Tx, done: readonly Done[], stock: LockedStock, at: Date): Promise<void> {
  const changes = done.map(({ call: { caller, note, origin }, change }) => ({
    change,
    actor: caller.id,
    note,
    origin: { caller: caller.id, ...origin },
  }))
  const keys = done.flatMap(({ call: { caller, key, verb, orderId }, change: { shipments = [] } }) => {
    if (!key) return []
    return [
      {
        ...key,
        caller: caller.id,
        verb: verb.name,
        orderId,
        shipmentIds: shipments.map(({ id }) => id),
        made: null,
      },
    ]
  })
  await Promise.all([
    writeChanges(tx, changes, { stock }, at),
    insertShipments(
      tx,
      done.flatMap(({ change }) => change.shipments ?? []),
    ),
    noteUndone(
      tx,
      done.flatMap(({ change }) => change.undone ?? []),
      at,
    ),
    // last: nobody waits for anything else who waits here for another call under the same key
    claimKeys(tx, keys, at),
  ])
}
