import type { InventoryMovement, StockChange, StockChangeNote } from '../../domain/stock/stock.ts'
import { plainArray, prepare, type Queryable, quotedArray, sparseArray } from '../statement.ts'
import { MOVEMENT_COLUMNS } from './find-movements.ts'

/**
 * Writes movements to the ledger in the given order, and applies them to the levels. The caller holds the locks of the
 * levels: ids of the ledger are drawn under them, so for one level the ids run in the order of the changes.
 */
export async function moveStock(
  on: Queryable,
  changes: readonly StockChange[],
  note: StockChangeNote,
): Promise<void> {
  if (changes.length > 0) await move(on, ...valuesOf(changes, note))
}

export async function moveStockOnce(
  on: Queryable,
  change: StockChange,
  note: StockChangeNote,
): Promise<InventoryMovement> {
  const [written] = await moveReturning(on, ...valuesOf([change], note))
  return written!
}

function valuesOf(changes: readonly StockChange[], note: StockChangeNote): unknown[] {
  return [
    quotedArray(changes.map((change) => change.sku)),
    quotedArray(changes.map((change) => change.location)),
    plainArray(changes.map((change) => change.type)),
    plainArray(changes.map((change) => change.delta)),
    plainArray(changes.map((change) => change.reservedDelta)),
    plainArray(changes.map((change) => change.availableAfter)),
    plainArray(changes.map((change) => change.reservedAfter)),
    plainArray(changes.map((change) => change.orderId)),
    plainArray(changes.map((change) => change.orderVersion)),
    sparseArray(changes.map((change) => change.shipmentId ?? null)),
    note.reason ?? null,
    note.actor ?? null,
    note.reference ?? null,
    note.createdAt,
  ]
}

const MOVE_STOCK = `with input as (
    select *
    from unnest(
      $1::text[], $2::text[], $3::movement_type[], $4::int[], $5::int[], $6::bigint[], $7::bigint[],
      $8::uuid[], $9::int[], $10::uuid[]
    ) with ordinality as input (
      sku, location, type, delta, reserved_delta, available_after, reserved_after,
      order_id, order_version, shipment_id, ordinal
    )
  ), stock as (
    update stock_levels
    set
      available = stock_levels.available + change.delta,
      reserved = stock_levels.reserved + change.reserved_delta
    from (
      select sku, location, sum(delta) as delta, sum(reserved_delta) as reserved_delta
      from input group by sku, location
    ) as change
    where stock_levels.sku = change.sku and stock_levels.location = change.location
  )
  insert into inventory_movements (
    sku, location, type, delta, reserved_delta, available_after, reserved_after,
    order_id, order_version, shipment_id, reason, actor, reference, created_at
  )
  select
    sku, location, type, delta, reserved_delta, available_after, reserved_after,
    order_id, order_version, shipment_id, $11, $12, $13, $14
  from input order by ordinal`

const move = prepare('move-stock', MOVE_STOCK)

const moveReturning = prepare<unknown[], InventoryMovement>(
  'move-stock-once',
  `${MOVE_STOCK} returning ${MOVEMENT_COLUMNS}`,
)
