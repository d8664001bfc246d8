import type {
  InventoryItem,
  InventoryMovement,
  StockChange,
  StockChangeNote,
} from '../../domain/stock/stock.ts'
import { plainArray, prepare, type Queryable } from '../statement.ts'

/**
 * Locks the stock of the SKUs that exist among `skus`, by SKU: two batches that share SKUs queue up and never deadlock. A join
 * and not `any`: after a lock wait PostgreSQL checks again whether a row matches, and would search the whole array for each row.
 */
export const lockStock = prepare<[skus: readonly string[]], InventoryItem>(
  'lock-stock',
  `select sku, name, available, reserved
  from inventory_items join (select distinct unnest($1::text[]) as sku) as wanted using (sku)
  order by sku for update of inventory_items`,
)

/**
 * Writes movements to the ledger in the given order, and applies them to the stock rows. The caller holds the locks of the
 * SKUs: ids of the ledger are drawn under them, so for one SKU the ids run in the order of the changes.
 *
 * A RESERVATION adds to `reserved` what it takes from `available`.
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
    changes.map((change) => change.sku),
    plainArray(changes.map((change) => change.type)),
    plainArray(changes.map((change) => change.delta)),
    plainArray(changes.map((change) => change.availableAfter)),
    plainArray(changes.map((change) => change.orderId)),
    note.reason ?? null,
    note.actor ?? null,
    note.createdAt,
  ]
}

const MOVE_STOCK = `with input as (
    select *
    from unnest($1::text[], $2::movement_type[], $3::int[], $4::bigint[], $5::uuid[]) with ordinality
      as input (sku, type, delta, available_after, order_id, ordinal)
  ), stock as (
    update inventory_items
    set
      available = inventory_items.available + change.delta,
      reserved = inventory_items.reserved + change.reserved
    from (
      select sku, sum(delta) as delta, coalesce(-sum(delta) filter (where type = 'RESERVATION'), 0) as reserved
      from input group by sku
    ) as change
    where inventory_items.sku = change.sku
  )
  insert into inventory_movements (sku, type, delta, available_after, order_id, reason, actor, created_at)
  select sku, type, delta, available_after, order_id, $6, $7, $8 from input order by ordinal`

const move = prepare('move-stock', MOVE_STOCK)

const moveReturning = prepare<unknown[], InventoryMovement>(
  'move-stock-once',
  `${MOVE_STOCK}
  returning
    id, sku, type, delta, available_after as "availableAfter", order_id as "orderId", reason, actor,
    created_at as "createdAt"`,
)

/**
 * Writes a new item with an empty stock.
 *
 * @returns false if the SKU is taken
 */
export async function insertInventoryItem(on: Queryable, sku: string, name: string): Promise<boolean> {
  return (await insertItem(on, sku, name)).length === 1
}

const insertItem = prepare<[sku: string, name: string], { sku: string }>(
  'insert-inventory-item',
  'insert into inventory_items (sku, name, available, reserved) values ($1, $2, 0, 0) on conflict do nothing returning sku',
)
