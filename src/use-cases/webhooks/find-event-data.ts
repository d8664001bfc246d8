import type { Order } from '../../domain/orders/order.ts'
import type { Shipment } from '../../domain/orders/shipment.ts'
import type { InventoryMovement } from '../../domain/stock/stock.ts'
import { subjectOf } from '../../domain/webhooks/event-id.ts'
import { findEventsByVersion, type RecordedEvent } from '../../sql/orders/find-events.ts'
import { findOrders } from '../../sql/orders/find-orders.ts'
import { findShipmentsOf } from '../../sql/orders/shipments.ts'
import { findMovementsById } from '../../sql/stock/ledger/find-movements.ts'
import { findRequestsOf } from '../../sql/supplier/supplier-requests.ts'
import type { ReadContext } from '../context.ts'

/** What an event is about, as it is now. */
export type EventData =
  | { kind: 'order'; event: RecordedEvent; order: Order; supplierRef: string | null; shipments: Shipment[] }
  | { kind: 'movement'; movement: InventoryMovement }
  | { kind: 'test' }

/**
 * Reads what events are about, each table once for all of them.
 *
 * @returns by the event's id; nothing for an event that somebody has deleted, and for an id that is none of ours
 */
export async function findEventData(
  context: ReadContext,
  eventIds: readonly string[],
): Promise<Map<string, EventData>> {
  const subjects = eventIds.flatMap((eventId) => {
    const subject = subjectOf(eventId)
    return subject ? [{ eventId, ...subject }] : []
  })
  const versions = subjects.filter((subject) => subject.kind === 'order')
  const moved = subjects.filter((subject) => subject.kind === 'movement')
  const [orders, movements] = await Promise.all([
    findOrderData(context, versions),
    findMovementData(
      context,
      moved.map(({ movementId }) => movementId),
    ),
  ])
  return new Map(
    subjects.flatMap((subject): [string, EventData][] => {
      if (subject.kind === 'test') return [[subject.eventId, { kind: 'test' }]]
      if (subject.kind === 'movement') {
        const movement = movements.get(subject.movementId)
        return movement ? [[subject.eventId, { kind: 'movement', movement }]] : []
      }
      const order = orders(subject.orderId, subject.version)
      return order ? [[subject.eventId, order]] : []
    }),
  )
}

async function findMovementData({ pool }: ReadContext, ids: readonly bigint[]) {
  const movements = ids.length > 0 ? await findMovementsById(pool, [...new Set(ids)]) : []
  return new Map(movements.map((movement) => [movement.id, movement]))
}

/**
 * Reads orders with their parts. Each order after its event, so that it is never older, and before its parts: they may be newer than
 * it, but never lack a shipment that it counts.
 */
async function findOrderData(
  { pool }: ReadContext,
  versions: readonly { orderId: string; version: number }[],
) {
  if (versions.length === 0) return () => undefined
  const ids = [...new Set(versions.map(({ orderId }) => orderId))]
  const events = await findEventsByVersion(pool, versions)
  const orders = await findOrders(pool, ids)
  const [shipments, requests] = await Promise.all([findShipmentsOf(pool, ids), findRequestsOf(pool, ids)])
  const eventOf = new Map(events.map((event) => [`${event.orderId} ${event.version}`, event]))
  const orderOf = new Map(orders.map((order) => [order.id, order]))
  return (orderId: string, version: number): EventData | undefined => {
    const event = eventOf.get(`${orderId} ${version}`)
    const order = orderOf.get(orderId)
    if (!event || !order) return undefined
    const isOfFirst = ({ orderId: id, sku }: (typeof requests)[number]) =>
      id === orderId && sku === order.lines[0]!.sku
    return {
      kind: 'order',
      event,
      order,
      supplierRef: requests.find(isOfFirst)?.ref ?? null,
      shipments: shipments.filter((shipment) => shipment.orderId === orderId),
    }
  }
}
