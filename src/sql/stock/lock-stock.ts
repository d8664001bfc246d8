import type { Location } from '../../domain/stock/location.ts'
import type { StockLevel } from '../../domain/stock/stock.ts'
import type { StockState } from '../../domain/stock/thresholds.ts'
import { prepare, type Queryable, quotedArray } from '../statement.ts'

/** Every level of some SKUs, locked, and what was read under the lock. By SKU and location. */
export type LockedStock = {
  levels: StockLevel[]
  /** The locations of these levels. */
  locations: Location[]
  /** SKUs whose queue is being served. */
  serving: ReadonlySet<string>
  /** States of the SKUs that have a rule or are out of stock. */
  states: ReadonlyMap<string, StockState>
}

/** What identifies a level. */
export type LevelKey = Pick<StockLevel, 'sku' | 'location'>

/** The locked stock of no SKU. */
export const NO_STOCK: LockedStock = { levels: [], locations: [], serving: new Set(), states: new Map() }

/**
 * Locks every level of SKUs, by SKU and location, so that nobody changes their stock. After the locks it reads again what may have
 * changed during a lock wait: new levels, active locations, queues being served.
 *
 * @param entered levels of these SKUs to create if they do not exist
 */
export async function lockStock(
  on: Queryable,
  skus: Iterable<string>,
  entered: readonly LevelKey[] = [],
): Promise<LockedStock> {
  const wanted = quotedArray([...new Set(skus)])
  // created before any level is locked: a transaction that waits here for another holds no level
  if (entered.length > 0) await ensure(on, ...valuesOf(entered))
  for (;;) {
    const [rows, [behind]] = await Promise.all([lock(on, wanted), readBehind(on, wanted)])
    // creating a level locks the others of its SKU: from here on there are no new ones
    if (behind!.levels !== rows.length) continue
    const { levels, locations } = toLevels(rows)
    const active = new Set(behind!.active)
    return {
      levels,
      locations: locations.map((location) => ({ ...location, isActive: active.has(location.code) })),
      serving: new Set(behind!.serving),
      states: new Map(behind!.states.map(toState)),
    }
  }
}

type LevelValues = [skus: string, locations: string]

function valuesOf(keys: readonly LevelKey[]): LevelValues {
  return [quotedArray(keys.map(({ sku }) => sku)), quotedArray(keys.map(({ location }) => location))]
}

type Row = StockLevel & Omit<Location, 'code'>

function toLevels(rows: readonly Row[]): Pick<LockedStock, 'levels' | 'locations'> {
  const locations = new Map<string, Location>()
  const levels = rows.map(({ name, priority, isActive, ...level }) => {
    const { location: code } = level
    if (!locations.has(code)) locations.set(code, { code, name, priority, isActive })
    return level
  })
  return { levels, locations: [...locations.values()] }
}

/** As in JSON, where a bigint is text. */
type StateRow = Omit<StockState, 'lowStockAt'> & { sku: string; lowStockAt: string | null }

function toState({ sku, lowStockAt, ...state }: StateRow): [string, StockState] {
  return [sku, { ...state, lowStockAt: lowStockAt === null ? null : BigInt(lowStockAt) }]
}

const COLUMNS = `stock_levels.sku, stock_levels.location, stock_levels.available, stock_levels.reserved,
    stock_levels.safety_stock as "safetyStock", locations.name, locations.priority, locations.is_active as "isActive"`

// locked by SKU and location: two batches that share levels queue up and never deadlock. A join and not `any`: after a lock
// wait PostgreSQL checks again whether a row matches, and would search the whole array for each row
const lock = prepare<[skus: string], Row>(
  'lock-stock',
  `select ${COLUMNS}
  from (select distinct unnest($1::text[]) as sku) as wanted
  join stock_levels on stock_levels.sku = wanted.sku
  join locations on locations.code = stock_levels.location
  order by stock_levels.sku, stock_levels.location
  for update of stock_levels`,
)

// a statement of its own, whose snapshot is later than the locks
const readBehind = prepare<
  [skus: string],
  { levels: number; active: string[]; serving: string[]; states: StateRow[] }
>(
  'read-behind-lock',
  `select
    (
      select count(*)::int from (select distinct unnest($1::text[]) as sku) as wanted
      join stock_levels on stock_levels.sku = wanted.sku
      join locations on locations.code = stock_levels.location
    ) as levels,
    array(select code from locations where is_active) as active,
    array(select sku from serving where sku = any ($1::text[])) as serving,
    (
      select coalesce(json_agg(json_build_object(
        'sku', sku, 'lowStockAt', low_stock_at::text, 'isLow', is_low, 'isOut', is_out
      )), '[]')
      from items where sku = any ($1::text[]) and (low_stock_at is not null or is_out is not false)
    ) as states`,
)

const ensure = prepare<LevelValues>(
  'ensure-levels',
  // The location is locked so that whoever opens or closes it finds every level there (`lockLevelsAt`); only for new levels, because
  // each lock writes to the location's row
  `with missing as materialized (
    select distinct sku, location from unnest($1::text[], $2::text[]) as key (sku, location)
    where (select true from stock_levels where stock_levels.sku = key.sku and stock_levels.location = key.location) is null
  ), kept as materialized (
    select code from locations where code in (select location from missing) order by code for share
  )
  insert into stock_levels (sku, location, available, reserved)
  select missing.sku, missing.location, 0, 0 from missing join kept on kept.code = missing.location
  order by missing.sku, missing.location
  on conflict do nothing`,
)
