import type { InventoryItem, StockLevel } from '../../domain/stock/stock.ts'
import { prepare, type Queryable, quotedArray } from '../statement.ts'

/** Reads the levels of SKUs, by SKU and location. */
export function findLevels(on: Queryable, skus: readonly string[]): Promise<StockLevel[]> {
  return find(on, quotedArray(skus))
}

const find = prepare<[skus: string], StockLevel>(
  'find-levels',
  `select
    stock_levels.sku, stock_levels.location, stock_levels.available, stock_levels.reserved,
    stock_levels.safety_stock as "safetyStock"
  from (select distinct unnest($1::text[]) as sku) as wanted
  join stock_levels on stock_levels.sku = wanted.sku
  order by stock_levels.sku, stock_levels.location`,
)

/** Reads an item with its totals over all locations. @returns null if no item has the SKU */
export async function findItem(on: Queryable, sku: string): Promise<InventoryItem | null> {
  return (await findOne(on, sku))[0] ?? null
}

const findOne = prepare<[sku: string], InventoryItem>(
  'find-item',
  `select
    items.sku, items.name,
    coalesce(sum(stock_levels.available), 0)::bigint as available,
    coalesce(sum(stock_levels.reserved), 0)::bigint as reserved
  from items left join stock_levels on stock_levels.sku = items.sku
  where items.sku = $1
  group by items.sku`,
)

/** Returns those among `skus` that items have. */
export async function findKnownSkus(on: Queryable, skus: readonly string[]): Promise<Set<string>> {
  const rows = await findKnown(on, quotedArray(skus))
  return new Set(rows.map(({ sku }) => sku))
}

const findKnown = prepare<[skus: string], { sku: string }>(
  'find-known-skus',
  'select items.sku from (select distinct unnest($1::text[]) as sku) as wanted join items on items.sku = wanted.sku',
)

/** Writes a new item without stock. @returns false if the SKU is taken */
export async function insertItem(on: Queryable, sku: string, name: string): Promise<boolean> {
  return (await insert(on, sku, name)).length === 1
}

const insert = prepare<[sku: string, name: string]>(
  'insert-item',
  'insert into items (sku, name) values ($1, $2) on conflict do nothing returning sku',
)
