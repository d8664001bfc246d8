import type { InventoryMovement } from '../../domain/stock/stock.ts'
import { prepare, type Queryable } from '../statement.ts'
import { MOVEMENT_COLUMNS } from './ledger/find-movements.ts'

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
  `select ${MOVEMENT_COLUMNS} from inventory_movements where id > $1 and id <= $2 order by id limit $3`,
)

/** Reads the newest id that the ledger has drawn. Movements up to it may not be committed yet. @returns 0 for an empty ledger */
export async function readNewestMovement(on: Queryable): Promise<bigint> {
  return (await readNewest(on))[0]!.id
}

const readNewest = prepare<[], { id: bigint }>(
  'read-newest-movement',
  'select case when is_called then last_value else 0 end as id from inventory_movements_id_seq',
)

/**
 * Reads which transactions may still commit movements: a statement locks the table before it draws an id, and its transaction
 * keeps that lock to its end. Unlike the oldest open transaction id, this ignores transactions that write no movements.
 *
 * @returns names that no later transaction has
 */
export async function findLedgerWriters(on: Queryable): Promise<string[]> {
  return (await findWriters(on)).map(({ writer }) => writer)
}

const findWriters = prepare<[], { writer: string }>(
  'find-ledger-writers',
  `select distinct virtualtransaction as writer from pg_locks
  where locktype = 'relation' and relation = 'inventory_movements'::regclass and mode = 'RowExclusiveLock'
    and database = (select oid from pg_database where datname = current_database())`,
)
