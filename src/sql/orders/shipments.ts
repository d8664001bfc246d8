import type { Shipment, ShipmentLine } from '../../domain/orders/shipment.ts'
import { plainArray, prepare, type Queryable, quotedArray } from '../statement.ts'

const SHIPMENT_COLUMNS = `
  shipments.id,
  shipments.order_id as "orderId",
  shipments.order_version as "orderVersion",
  shipments.location,
  shipments.reference,
  shipments.created_at as "createdAt",
  shipments.undone_at as "undoneAt"`

/** A row for each line. */
type Row = Omit<Shipment, 'lines'> & ShipmentLine

// by their version, of which each has one a location, and not by their ids, which processes draw by clocks of their own
const WITH_LINES = `join inventory_movements as movements
    on movements.shipment_id = shipments.id and movements.type = 'SHIPMENT'
  order by shipments.order_id, shipments.order_version, shipments.location, movements.sku`

/** Reads the shipments that exist among `ids`, oldest first, with their lines. */
export async function findShipments(on: Queryable, ids: readonly string[]): Promise<Shipment[]> {
  return readShipments(await find(on, plainArray(ids)))
}

const find = prepare<[ids: string], Row>(
  'find-shipments',
  `select ${SHIPMENT_COLUMNS}, movements.sku, -movements.reserved_delta as qty
  from (select distinct unnest($1::uuid[]) as id) as wanted
  join shipments on shipments.id = wanted.id
  ${WITH_LINES}`,
)

/** Reads the shipments of orders, oldest first, with their lines. */
export async function findShipmentsOf(on: Queryable, orderIds: readonly string[]): Promise<Shipment[]> {
  return readShipments(await findOf(on, plainArray(orderIds)))
}

const findOf = prepare<[orderIds: string], Row>(
  'find-shipments-of',
  `select ${SHIPMENT_COLUMNS}, movements.sku, -movements.reserved_delta as qty
  from (select distinct unnest($1::uuid[]) as id) as wanted
  join shipments on shipments.order_id = wanted.id
  ${WITH_LINES}`,
)

function readShipments(rows: readonly Row[]): Shipment[] {
  const shipments = new Map<string, Shipment & { lines: ShipmentLine[] }>()
  for (const { sku, qty, ...row } of rows) {
    const shipment = shipments.get(row.id) ?? { ...row, lines: [] }
    shipment.lines.push({ sku, qty })
    shipments.set(row.id, shipment)
  }
  return [...shipments.values()]
}

/** Writes shipments. Their lines are their SHIPMENT movements. */
export async function insertShipments(on: Queryable, shipments: readonly Shipment[]): Promise<void> {
  if (shipments.length === 0) return
  await insert(
    on,
    plainArray(shipments.map(({ id }) => id)),
    plainArray(shipments.map(({ orderId }) => orderId)),
    plainArray(shipments.map(({ orderVersion }) => orderVersion)),
    quotedArray(shipments.map(({ location }) => location)),
    shipments.map(({ reference }) => reference),
    shipments.map(({ createdAt }) => createdAt),
  )
}

const insert = prepare(
  'insert-shipments',
  `insert into shipments (id, order_id, order_version, location, reference, created_at)
  select * from unnest($1::uuid[], $2::uuid[], $3::int[], $4::text[], $5::text[], $6::timestamptz[])`,
)

/** Notes that shipments were undone. */
export async function noteUndone(on: Queryable, ids: readonly string[], at: Date): Promise<void> {
  if (ids.length > 0) await undo(on, plainArray(ids), at)
}

const undo = prepare<[ids: string, at: Date]>(
  'note-undone',
  `update shipments set undone_at = $2 from unnest($1::uuid[]) as undone (id) where shipments.id = undone.id`,
)
