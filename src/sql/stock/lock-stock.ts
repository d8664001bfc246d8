import type { Location } from '../../domain/stock/location.ts'
import type { StockLevel } from '../../domain/stock/stock.ts'
import { prepare, type Queryable, quotedArray } from '../statement.ts'

/** Levels that are locked, by SKU and location, and the locations that they are at. */
export type LockedLevels = { levels: StockLevel[]; locations: Location[] }

/** Every level of some SKUs, locked, and those of the SKUs whose queue is being served. */
export type LockedStock = LockedLevels & { serving: ReadonlySet<string> }

/** Where stock of a SKU is. */
export type LevelKey = Pick<StockLevel, 'sku' | 'location'>

/**
 * Locks every level of SKUs, by SKU and location, so that nothing raises or takes any of their stock. What a lock wait left
 * outdated is read anew behind it: levels that were made, locations that became active, queues that are served.
 */
export async function lockStock(on: Queryable, skus: readonly string[]): Promise<LockedStock> {
  const wanted = quotedArray(skus)
  for (;;) {
    const [rows, [behind]] = await Promise.all([lock(on, wanted), readBehind(on, wanted)])
    // who makes a level locks the others of its SKU: none is made any more
    if (behind!.levels !== rows.length) continue
    const { levels, locations } = toLevels(rows)
    const active = new Set(behind!.active)
    return {
      levels,
      locations: locations.map((location) => ({ ...location, isActive: active.has(location.code) })),
      serving: new Set(behind!.serving),
    }
  }
}

/** Locks those levels that exist among `keys`, by SKU and location. */
export async function lockLevels(on: Queryable, keys: readonly LevelKey[]): Promise<LockedLevels> {
  return toLevels(await lockSome(on, ...valuesOf(keys)))
}

/**
 * Locks levels, of which those that are `entered` are made if they do not exist. Who makes one locks every level of its SKU:
 * nobody finds a SKU short and does not know of it.
 *
 * @param skus SKUs of which every level is locked
 * @returns the levels, and perhaps others
 */
export async function lockEntered(
  on: Queryable,
  entered: readonly LevelKey[],
  keys: readonly LevelKey[],
  skus: readonly string[] = [],
): Promise<StockLevel[]> {
  const allSkus = [...new Set([...skus, ...keys.map(({ sku }) => sku)])]
  if (skus.length > 0) {
    if (entered.length > 0) await ensure(on, ...valuesOf(entered))
    return (await lockStock(on, allSkus)).levels
  }
  if (entered.length === 0) return (await lockLevels(on, keys)).levels
  // made before any level is locked: who waits there for another holds none
  const [made, { levels }] = await Promise.all([ensure(on, ...valuesOf(entered)), lockLevels(on, keys)])
  if (made.length === 0) return levels
  return (await lockStock(on, allSkus)).levels
}

type LevelValues = [skus: string, locations: string]

function valuesOf(keys: readonly LevelKey[]): LevelValues {
  return [quotedArray(keys.map(({ sku }) => sku)), quotedArray(keys.map(({ location }) => location))]
}

type Row = StockLevel & Omit<Location, 'code'>

function toLevels(rows: readonly Row[]): LockedLevels {
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

// a statement of its own, whose snapshot is later than the locks
const readBehind = prepare<[skus: string], { levels: number; active: string[]; serving: string[] }>(
  'read-behind-lock',
  `select
    (
      select count(*)::int from (select distinct unnest($1::text[]) as sku) as wanted
      join stock_levels on stock_levels.sku = wanted.sku
      join locations on locations.code = stock_levels.location
    ) as levels,
    array(select code from locations where is_active) as active,
    array(select sku from serving where sku = any ($1::text[])) as serving`,
)

const lockSome = prepare<LevelValues, Row>(
  'lock-levels',
  `select ${COLUMNS}
  from (select distinct * from unnest($1::text[], $2::text[]) as key (sku, location)) as wanted
  join stock_levels on stock_levels.sku = wanted.sku and stock_levels.location = wanted.location
  ${LOCKED}`,
)

const ensure = prepare<LevelValues, { sku: string }>(
  'ensure-levels',
  `insert into stock_levels (sku, location, available, reserved)
  select distinct sku, location, 0, 0 from unnest($1::text[], $2::text[]) as key (sku, location)
  order by sku, location
  on conflict do nothing
  returning sku`,
)
