import type { StockWitnesses } from '../../domain/stock/stock-drift.ts'
import { prepare, type Queryable } from '../statement.ts'

/**
 * Locks a SKU's stock until the transaction ends, and reads what counters, ledger and orders say about it.
 *
 * @returns null if there is no such item
 */
export async function lockWitnesses(on: Queryable, sku: string): Promise<StockWitnesses | null> {
  await lock(on, sku)
  // a statement of its own, so that it sees what the last holder of the lock has committed
  const [row] = await read(on, sku)
  return row ?? null
}

const lock = prepare<[sku: string]>(
  'lock-drifted-stock',
  'select from inventory_items where sku = $1 for update',
)

const read = prepare<[sku: string], StockWitnesses>(
  'read-stock-witnesses',
  `select
    available,
    reserved,
    coalesce((select sum(delta)::bigint from inventory_movements where sku = $1), 0) as ledger,
    coalesce(
      (
        -- by (sku, id), not along the primary key
        select available_after from inventory_movements
        where (sku, id) <= ($1, 9223372036854775807) and sku >= $1 order by sku desc, id desc limit 1
      ), 0
    ) as "lastAfter",
    coalesce((select sum(qty)::bigint from orders where sku = $1 and status = 'RESERVED'), 0) as promised,
    exists (
      select from orders where sku = $1 and status = 'RESERVED' and not exists (
        select from inventory_movements as taken
        where taken.order_id = orders.id and taken.type = 'RESERVATION' and taken.delta = -orders.qty and taken.sku = $1
      )
    ) or exists (
      select from inventory_movements as taken where sku = $1 and type = 'RESERVATION' and not exists (
        select from orders
        where orders.id = taken.order_id and orders.status = 'RESERVED' and orders.qty = -taken.delta and orders.sku = $1
      )
    ) as "isMismatched"
  from inventory_items where sku = $1`,
)

/** Writes a movement that makes the ledger add up. It is the only one that leaves the counter as it is. */
export const insertCorrection = prepare<
  [sku: string, delta: number, availableAfter: bigint, reason: string, at: Date]
>(
  'insert-correction',
  `insert into inventory_movements (sku, type, delta, available_after, reason, actor, created_at)
  values ($1, 'ADJUSTMENT', $2, $3, $4, 'reconcile', $5)`,
)

/** Sets a counter to what ledger and orders say, and records it in `repairs`. */
export const setCounter = prepare<
  [sku: string, field: 'available' | 'reserved', before: bigint, after: bigint, reason: string, at: Date]
>(
  'set-counter',
  `with noted as (
    insert into repairs (sku, field, before, after, reason, actor, at)
    values ($1, $2, $3::bigint, $4::bigint, $5, 'reconcile', $6)
  )
  update inventory_items
  set
    available = case $2 when 'available' then $4::bigint else available end,
    reserved = case $2 when 'reserved' then $4::bigint else reserved end
  where sku = $1`,
)
