import { prepare, type Queryable } from './statement.ts'

/** A SKU whose counters are not what ledger and orders say. */
export type StockDrift = {
  sku: string
  available: bigint
  ledger: bigint
  reserved: bigint
  promised: bigint
}

/** SKUs whose counters drifted, their rows locked until the transaction ends, and compared once they are. */
export async function lockStockDrift(on: Queryable): Promise<StockDrift[]> {
  const suspects = await compare(on, [null])
  if (suspects.length === 0) return []
  const skus = suspects.map((row) => row.sku)
  await lock(on, [skus])
  // a second look under the locks: an order may have been at work between the first and them
  return compare(on, [skus])
}

const lock = prepare(
  'lock-drifted-stock',
  'select from inventory_items where sku = any ($1::text[]) order by sku for update',
)

const compare = prepare<StockDrift>(
  'compare-stock',
  `select item.sku, item.available, coalesce(ledger.sum, 0) as ledger, item.reserved, coalesce(promised.sum, 0) as promised
  from inventory_items as item
  left join (
    select sku, sum(delta)::bigint as sum from inventory_movements
    where $1::text[] is null or sku = any ($1) group by sku
  ) as ledger using (sku)
  left join (
    select sku, sum(qty)::bigint as sum from orders
    where status = 'RESERVED' and ($1::text[] is null or sku = any ($1)) group by sku
  ) as promised using (sku)
  where ($1::text[] is null or item.sku = any ($1))
    and (item.available <> coalesce(ledger.sum, 0) or item.reserved <> coalesce(promised.sum, 0))
  order by item.sku`,
)

/** A movement that makes the ledger add up to the counter: it alone leaves the counter as it is. */
export type Correction = { sku: string; delta: bigint; availableAfter: bigint; reason: string; at: Date }

/** Writes a correction of the ledger. */
export async function insertCorrection(on: Queryable, correction: Correction): Promise<void> {
  const { sku, delta, availableAfter, reason, at } = correction
  await correct(on, [sku, delta, availableAfter, reason, at])
}

const correct = prepare(
  'insert-correction',
  `insert into inventory_movements (sku, type, delta, available_after, reason, actor, created_at)
  values ($1, 'ADJUSTMENT', $2, $3, $4, 'reconcile', $5)`,
)

/** Sets what is promised of a SKU to what its orders say. */
export async function resetReserved(on: Queryable, sku: string, reserved: bigint): Promise<void> {
  await reset(on, [sku, reserved])
}

const reset = prepare('reset-reserved', 'update inventory_items set reserved = $2 where sku = $1')
