import type { Location } from '../../domain/stock/location.ts'
import type { StockLevel } from '../../domain/stock/stock.ts'
import { prepare, type Queryable, quotedArray } from '../statement.ts'

/** Levels that are locked, by SKU and location, and the locations that they are at. */
export type LockedStock = { levels: StockLevel[]; locations: Location[] }

/** Where stock of a SKU is. */
export type LevelKey = Pick<StockLevel, 'sku' | 'location'>

/** Locks every level of SKUs, by SKU and location. */
export async function lockStock(on: Queryable, skus: readonly string[]): Promise<LockedStock> {
  return toStock(await lock(on, quotedArray(skus)))
}

/** Locks those levels that exist among `keys`, by SKU and location. */
export async function lockLevels(on: Queryable, keys: readonly LevelKey[]): Promise<LockedStock> {
  return toStock(await lockSome(on, ...valuesOf(keys)))
}

/** Makes empty levels of those that do not exist. Before any level is locked: who waits here for another holds none. */
export async function ensureLevels(on: Queryable, keys: readonly LevelKey[]): Promise<void> {
  await ensure(on, ...valuesOf(keys))
}

type LevelValues = [skus: string, locations: string]

function valuesOf(keys: readonly LevelKey[]): LevelValues {
  return [quotedArray(keys.map(({ sku }) => sku)), quotedArray(keys.map(({ location }) => location))]
}

type Row = StockLevel & Omit<Location, 'code'>

function toStock(rows: readonly Row[]): LockedStock {
  const locations = new Map<string, Location>()
  const levels = rows.map(({ name, priority, isActive, ...level }) => {
    const { location: code } = level
    if (!locations.has(code)) locations.set(code, { code, name, priority, isActive })
    return level
  })
  return { levels, locations: [...locations.values()] }
}

const COLUMNS = `stock_levels.sku, stock_levels.location, stock_levels.available, stock_levels.reserved,
    stock_levels.safety_stock as "safetyStock", locations.name, locations.priority, locations.is_active as "isActive"`

// locked by SKU and location: two batches that share levels queue up and never deadlock
const LOCKED = `join locations on locations.code = stock_levels.location
  order by stock_levels.sku, stock_levels.location
  for update of stock_levels`

// a join and not `any`: after a lock wait PostgreSQL checks again whether a row matches, and would search the whole array
// for each row
const lock = prepare<[skus: string], Row>(
  'lock-stock',
  `select ${COLUMNS}
  from (select distinct unnest($1::text[]) as sku) as wanted
  join stock_levels on stock_levels.sku = wanted.sku
  ${LOCKED}`,
)

const lockSome = prepare<LevelValues, Row>(
  'lock-levels',
  `select ${COLUMNS}
  from (select distinct * from unnest($1::text[], $2::text[]) as key (sku, location)) as wanted
  join stock_levels on stock_levels.sku = wanted.sku and stock_levels.location = wanted.location
  ${LOCKED}`,
)

const ensure = prepare<LevelValues>(
  'ensure-levels',
  `insert into stock_levels (sku, location, available, reserved)
  select distinct sku, location, 0, 0 from unnest($1::text[], $2::text[]) as key (sku, location)
  order by sku, location
  on conflict do nothing`,
)
