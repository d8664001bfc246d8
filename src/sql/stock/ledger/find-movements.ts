import type { InventoryMovement } from '../../../domain/stock/stock.ts'
import { plainArray, prepare, type Queryable } from '../../statement.ts'

/** A page of a SKU's ledger: at most `sizeMax` movements next to `cursor`, or at the end of the ledger if there is no cursor. */
export type MovementPage = {
  sku: string
  /** Only movements at this location; null for all. */
  location: string | null
  /** The id of a movement next to the page, which is not in it; null for none. */
  cursor: bigint | null
  /** `older`: movements before the cursor, newest first. `newer`: movements after it, oldest first. */
  direction: 'older' | 'newer'
  sizeMax: number
}

/** The columns of movements as `InventoryMovement` names them, of `inventory_movements` under the name that a query gives it. */
export function movementColumns(table = 'inventory_movements'): string {
  return MOVEMENT_COLUMNS.map(([column, name]) => `${table}.${column}${name ? ` as "${name}"` : ''}`).join(
    ', ',
  )
}

/** With the names that differ. */
const MOVEMENT_COLUMNS: readonly [column: string, name?: keyof InventoryMovement][] = [
  ['id'],
  ['sku'],
  ['location'],
  ['type'],
  ['delta'],
  ['reserved_delta', 'reservedDelta'],
  ['available_after', 'availableAfter'],
  ['reserved_after', 'reservedAfter'],
  ['order_id', 'orderId'],
  ['order_version', 'orderVersion'],
  ['shipment_id', 'shipmentId'],
  ['reason'],
  ['actor'],
  ['reference'],
  ['created_at', 'createdAt'],
]

/**
 * Reads pages of ledgers, all in one statement.
 *
 * @returns the movements of each page, newest first, in the order of the pages
 */
export async function findMovements(
  on: Queryable,
  pages: readonly MovementPage[],
): Promise<InventoryMovement[][]> {
  const rows = await find(
    on,
    pages.map((page) => page.sku),
    pages.map((page) => page.location),
    pages.map((page) => page.cursor),
    pages.map((page) => (page.direction === 'older' ? page.sizeMax : 0)),
    pages.map((page) => (page.direction === 'newer' ? page.sizeMax : 0)),
  )
  const found = pages.map((): InventoryMovement[] => [])
  for (const { ordinal, ...movement } of rows) found[Number(ordinal) - 1]!.push(movement)
  return found
}

/** Reads the movements that exist among `ids`. */
export function findMovementsById(on: Queryable, ids: readonly bigint[]): Promise<InventoryMovement[]> {
  return findById(on, plainArray(ids))
}

const findById = prepare<[ids: string], InventoryMovement>(
  'find-movements-by-id',
  `select ${movementColumns()} from inventory_movements where id = any ($1::bigint[]) order by id`,
)

// lateral: each ledger is read by its index, and no further than its page; a popular SKU has millions of movements. Sorted like
// that index: by id alone PostgreSQL may walk the primary key, which is the whole table for a SKU with few movements
const find = prepare<unknown[], InventoryMovement & { ordinal: bigint }>(
  'find-movements',
  `select wanted.ordinal, ${movementColumns('page')}
  from unnest($1::text[], $2::text[], $3::bigint[], $4::int[], $5::int[])
    with ordinality as wanted (sku, location, cursor, older, newer, ordinal)
  cross join lateral (
    (
      select * from inventory_movements
      where (sku, id) < (wanted.sku, coalesce(wanted.cursor, 9223372036854775807)) and sku >= wanted.sku
        and (wanted.location is null or location = wanted.location)
      order by sku desc, id desc limit wanted.older
    )
    union all
    (
      select * from inventory_movements
      where (sku, id) > (wanted.sku, coalesce(wanted.cursor, 0)) and sku <= wanted.sku
        and (wanted.location is null or location = wanted.location)
      order by sku, id limit wanted.newer
    )
  ) as page
  order by wanted.ordinal, page.id desc`,
)
