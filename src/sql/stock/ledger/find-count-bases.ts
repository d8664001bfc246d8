import { plainArray, prepare, type Queryable, quotedArray } from '../../statement.ts'
import type { LevelKey } from '../lock-stock.ts'

/** What a level was counted as of: its movement with this id, or 0 for before any. */
export type CountedAsOf = LevelKey & { asOf: bigint }

/**
 * Reads what counts are compared with: on hand as of a movement of the level, and what other counts have corrected since. So a
 * count that is sent twice corrects nothing twice.
 *
 * @returns in the order of the counts; undefined where the level has no such movement
 */
export async function findCountBases(
  on: Queryable,
  counts: readonly CountedAsOf[],
): Promise<(bigint | undefined)[]> {
  if (counts.length === 0) return []
  const rows = await find(
    on,
    quotedArray(counts.map(({ sku }) => sku)),
    quotedArray(counts.map(({ location }) => location)),
    plainArray(counts.map(({ asOf }) => asOf)),
  )
  const bases = new Map(rows.map(({ ordinal, base }) => [Number(ordinal), base]))
  return counts.map((_, index) => bases.get(index + 1))
}

// the ledger of a SKU from a movement on is a range of the index; behind the newest it is empty
const find = prepare<[skus: string, locations: string, asOf: string], { ordinal: bigint; base: bigint }>(
  'find-count-bases',
  `select counted.ordinal, (coalesce(known.available_after + known.reserved_after, 0) + (
    select coalesce(sum(since.delta), 0) from inventory_movements as since
    where since.sku = counted.sku and since.id > counted.as_of and since.location = counted.location and since.type = 'COUNT'
  ))::bigint as base
  from unnest($1::text[], $2::text[], $3::bigint[]) with ordinality as counted (sku, location, as_of, ordinal)
  left join inventory_movements as known
    on known.id = counted.as_of and known.sku = counted.sku and known.location = counted.location
  where known.id is not null or counted.as_of = 0`,
)
