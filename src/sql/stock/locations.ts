import { DEFAULT_PRIORITY, type Location } from '../../domain/stock/location.ts'
import { prepare, type Queryable, quotedArray } from '../statement.ts'

const LOCATION_COLUMNS = 'code, name, priority, is_active as "isActive"'

/** Reads the locations that exist among `codes`. */
export function findLocations(on: Queryable, codes: readonly string[]): Promise<Location[]> {
  return find(on, quotedArray(codes))
}

const find = prepare<[codes: string], Location>(
  'find-locations',
  `select ${LOCATION_COLUMNS} from locations where code = any ($1::text[]) order by code`,
)

/** Reads all locations: active ones first, then by priority. */
export const findAllLocations = prepare<[], Location>(
  'find-all-locations',
  `select ${LOCATION_COLUMNS} from locations order by is_active desc, priority, code`,
)

/** Creates or changes a location. Null keeps the value, or means the default for a new one. @returns the location afterwards */
export async function upsertLocation(
  on: Queryable,
  {
    code,
    name,
    priority,
    isActive,
  }: Pick<Location, 'code'> & { [Key in 'name' | 'priority' | 'isActive']: Location[Key] | null },
): Promise<Location> {
  const [location] = await upsert(on, code, name, priority, isActive, DEFAULT_PRIORITY)
  return location!
}

/** Locks every level of a location, so that nobody changes the stock of their SKUs. The caller has locked the location's row. */
export const lockLevelsAt = prepare<[code: string], { sku: string; isPromisable: boolean }>(
  'lock-levels-at',
  `select sku, available > safety_stock as "isPromisable" from stock_levels where location = $1 order by sku for update`,
)

const upsert = prepare<unknown[], Location>(
  'upsert-location',
  `insert into locations (code, name, priority, is_active)
  values ($1, coalesce($2::text, $1), coalesce($3::int, $5), coalesce($4::boolean, true))
  on conflict (code) do update set
    name = coalesce($2, locations.name),
    priority = coalesce($3, locations.priority),
    is_active = coalesce($4, locations.is_active)
  returning ${LOCATION_COLUMNS}`,
)
