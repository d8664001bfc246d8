import type { InventoryMovement, StockChange, StockChangeNote } from '../../../domain/stock/stock.ts'
import { plainArray, prepare, type Queryable, quotedArray, sparseArray } from '../../statement.ts'
import { movementColumns } from './find-movements.ts'

/**
 * Writes movements to the ledger in the given order, and applies them to the levels. The caller holds the locks of the
 * levels: ids of the ledger are drawn under them, so for one level the ids run in the order of the changes. Who follows the ledger
 * relies on it (decision 16).
 */
export async function moveStock(
  on: Queryable,
  changes: readonly StockChange[],
  note: StockChangeNote,
): Promise<void> {
  if (changes.length > 0) await move(on, ...valuesOf(changes, note))
}

/** The same. @returns what was written to the ledger, in the given order */
export async function moveStockReturning(
  on: Queryable,
  changes: readonly StockChange[],
  note: StockChangeNote,
): Promise<InventoryMovement[]> {
  return changes.length > 0 ? moveReturning(on, ...valuesOf(changes, note)) : []
}

function valuesOf(changes: readonly StockChange[], note: StockChangeNote): unknown[] {
  const { sums, sumOf } = sumByLevel(changes)
  return [
    quotedArray(sums.map((sum) => sum.sku)),
    quotedArray(sums.map((sum) => sum.location)),
    plainArray(sums.map((sum) => sum.delta)),
    plainArray(sums.map((sum) => sum.reservedDelta)),
    plainArray(sumOf),
    plainArray(changes.map((change) => change.type)),
    plainArray(changes.map((change) => change.delta)),
    plainArray(changes.map((change) => change.reservedDelta)),
    plainArray(changes.map((change) => change.availableAfter)),
    plainArray(changes.map((change) => change.reservedAfter)),
    plainArray(changes.map((change) => change.orderId)),
    plainArray(changes.map((change) => change.orderVersion)),
    sparseArray(changes.map((change) => change.shipmentId ?? null)),
    sparseArray(changes.map(({ reason = note.reason }) => reason ?? null)),
    sparseArray(changes.map(({ actor = note.actor }) => actor ?? null)),
    sparseArray(changes.map(({ reference = note.reference }) => reference ?? null)),
    note.createdAt,
  ]
}

/** Sum of changes of a level. */
type LevelSum = Pick<StockChange, 'sku' | 'location' | 'delta' | 'reservedDelta'> & { number: number }

/** Sums up changes by level. @returns the sums, and for each change the number of its sum, from 1 */
function sumByLevel(changes: readonly StockChange[]): { sums: LevelSum[]; sumOf: number[] } {
  const byLevel = new Map<string, LevelSum>()
  const sumOf = changes.map(({ sku, location, delta, reservedDelta }) => {
    const key = `${sku} ${location}`
    let sum = byLevel.get(key)
    if (!sum) {
      sum = { sku, location, delta: 0, reservedDelta: 0, number: byLevel.size + 1 }
      byLevel.set(key, sum)
    }
    sum.delta += delta
    sum.reservedDelta += reservedDelta
    return sum.number
  })
  return { sums: [...byLevel.values()], sumOf }
}

// levels are summed up above, and movements name them by their number: PostgreSQL reads each once
const MOVE_STOCK = `with stock as (
    update stock_levels
    set
      available = stock_levels.available + level.delta,
      reserved = stock_levels.reserved + level.reserved_delta
    from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) as level (sku, location, delta, reserved_delta)
    where stock_levels.sku = level.sku and stock_levels.location = level.location
  )
  insert into inventory_movements (
    sku, location, type, delta, reserved_delta, available_after, reserved_after,
    order_id, order_version, shipment_id, reason, actor, reference, created_at
  )
  select
    sku, location, type, delta, reserved_delta, available_after, reserved_after,
    order_id, order_version, shipment_id, reason, actor, reference, $17
  from unnest(
    $5::int[], $6::movement_type[], $7::int[], $8::int[], $9::bigint[], $10::bigint[], $11::uuid[], $12::int[], $13::uuid[],
    $14::text[], $15::text[], $16::text[]
  ) with ordinality as movement (
    level, type, delta, reserved_delta, available_after, reserved_after, order_id, order_version, shipment_id,
    reason, actor, reference, ordinal
  )
  join unnest($1::text[], $2::text[]) with ordinality as level (sku, location, number) on level.number = movement.level
  order by movement.ordinal`

const move = prepare('move-stock', MOVE_STOCK)

const moveReturning = prepare<unknown[], InventoryMovement>(
  'move-stock-returning',
  `${MOVE_STOCK} returning ${movementColumns()}`,
)
