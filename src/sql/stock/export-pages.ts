import type { InventoryMovement } from '../../domain/stock/stock.ts'
import { prepare, type Queryable } from '../statement.ts'
import { movementColumns } from './ledger/find-movements.ts'

/** A row of a count sheet: a level and its newest movement. */
export type CountSheetRow = {
  sku: string
  location: string
  name: string
  available: bigint
  reserved: bigint
  /** Id of the newest movement; 0 for none. */
  asOf: bigint
}

/**
 * Reads a page of a count sheet, by SKU and location.
 *
 * @param after the last level of the previous page; two empty texts for the first page
 */
export function findCountSheetPage(
  on: Queryable,
  { after, sizeMax }: { after: { sku: string; location: string }; sizeMax: number },
): Promise<CountSheetRow[]> {
  return findSheet(on, after.sku, after.location, sizeMax)
}

// the page first: names and newest movements are looked up for its rows alone, these from the end of the SKU's ledger. Of a level
// at which nothing moves it reads all that has moved since at the SKU's other levels: pages are small, and nothing is locked. An
// index by location would make every movement dearer. Sorted like the index of ledgers, as in find-movements
const findSheet = prepare<[sku: string, location: string, sizeMax: number], CountSheetRow>(
  'find-count-sheet-page',
  `select
    page.sku, page.location, (select name from items where sku = page.sku) as name, page.available, page.reserved,
    coalesce((
      select id from inventory_movements
      where (sku, id) < (page.sku, 9223372036854775807) and sku >= page.sku and location = page.location
      order by sku desc, id desc limit 1
    ), 0) as "asOf"
  from (
    select sku, location, available, reserved from stock_levels
    where (sku, location) > ($1, $2) order by sku, location limit $3
  ) as page
  order by page.sku, page.location`,
)

/** Reads a page of the ledger, oldest first: movements behind `after`, up to `last`. */
export function findLedgerPage(
  on: Queryable,
  { after, last, sizeMax }: { after: bigint; last: bigint; sizeMax: number },
): Promise<InventoryMovement[]> {
  return findLedger(on, after, last, sizeMax)
}

const findLedger = prepare<[after: bigint, last: bigint, sizeMax: number], InventoryMovement>(
  'find-ledger-page',
  `select ${movementColumns()} from inventory_movements where id > $1 and id <= $2 order by id limit $3`,
)
