import type { LineWitnesses, StockWitnesses } from '../../domain/stock/stock-drift.ts'
import { prepare, type Queryable } from '../statement.ts'
import type { LevelKey } from './lock-stock.ts'

/**
 * Locks a level until the transaction ends, and reads its stock according to counters, ledger and orders.
 *
 * @returns null if there is no such level
 */
export async function lockWitnesses(
  on: Queryable,
  { sku, location }: LevelKey,
): Promise<StockWitnesses | null> {
  await lock(on, sku, location)
  // a statement of its own, so that it sees what the last holder of the lock has committed
  const [row] = await read(on, sku, location)
  return row ?? null
}

const lock = prepare<[sku: string, location: string]>(
  'lock-drifted-level',
  'select from stock_levels where sku = $1 and location = $2 for update',
)

const read = prepare<[sku: string, location: string], StockWitnesses>(
  'read-stock-witnesses',
  `with ledger as (
    select id, delta, reserved_delta, available_after from inventory_movements where sku = $1 and location = $2
  ), held as (
    select order_id, sum(reserved_delta) as reserved from inventory_movements
    where sku = $1 and order_id is not null group by order_id
  )
  select
    available,
    reserved,
    coalesce((select sum(delta)::bigint from ledger), 0) as ledger,
    coalesce((select available_after from ledger order by id desc limit 1), 0) as "lastAfter",
    coalesce((select sum(reserved_delta)::bigint from ledger), 0) as promised,
    exists (
      select from (select order_id, reserved from order_lines where sku = $1) as lines
      full join held on held.order_id = lines.order_id
      where coalesce(lines.reserved, 0) <> coalesce(held.reserved, 0) or lines.order_id is null
    ) as "isMismatched"
  from stock_levels where sku = $1 and location = $2`,
)

/** Reads the lines of an order according to movements and levels. The caller holds the locks of order and levels. */
export const readLineWitnesses = prepare<[orderId: string], LineWitnesses>(
  'read-line-witnesses',
  `select
    order_lines.sku,
    coalesce((
      select sum(reserved_delta)::int from inventory_movements as movements
      where movements.order_id = order_lines.order_id and movements.sku = order_lines.sku
    ), 0) as promised,
    not exists (
      select from (select location, reserved from stock_levels where stock_levels.sku = order_lines.sku) as levels
      full join (
        select location, sum(reserved_delta) as reserved from inventory_movements as movements
        where movements.sku = order_lines.sku group by location
      ) as ledger using (location)
      where levels.reserved is distinct from coalesce(ledger.reserved, 0)
    ) as "isLedgerSound"
  from order_lines where order_id = $1`,
)

/** Sets a line's `reserved` to the sum of its movements, and records the repair in `repairs`. */
export const setReserved = prepare<
  [orderId: string, sku: string, before: number, after: number, reason: string, at: Date]
>(
  'set-reserved',
  `with noted as (
    insert into repairs (order_id, sku, field, before, after, reason, actor, at)
    values ($1, $2, 'reserved', $3::int, $4::int, $5, 'reconcile', $6)
  )
  update order_lines set reserved = $4 where order_id = $1 and sku = $2`,
)

/** Writes a movement that makes the ledger add up. It alone leaves the counter unchanged. */
export const insertCorrection = prepare<
  [
    sku: string,
    location: string,
    delta: number,
    availableAfter: bigint,
    reservedAfter: bigint,
    reason: string,
    at: Date,
  ]
>(
  'insert-correction',
  `insert into inventory_movements (
    sku, location, type, delta, reserved_delta, available_after, reserved_after, reason, actor, created_at
  )
  values ($1, $2, 'ADJUSTMENT', $3, 0, $4, $5, $6, 'reconcile', $7)`,
)

/** Sets a counter to the ledger's value, and records the repair in `repairs`. */
export const setCounter = prepare<
  [
    sku: string,
    location: string,
    field: 'available' | 'reserved',
    before: bigint,
    after: bigint,
    reason: string,
    at: Date,
  ]
>(
  'set-counter',
  `with noted as (
    insert into repairs (sku, location, field, before, after, reason, actor, at)
    values ($1, $2, $3, $4::bigint, $5::bigint, $6, 'reconcile', $7)
  )
  update stock_levels
  set
    available = case $3 when 'available' then $5::bigint else available end,
    reserved = case $3 when 'reserved' then $5::bigint else reserved end
  where sku = $1 and location = $2`,
)
