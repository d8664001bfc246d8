import { plainArray, prepare, type Queryable, quotedArray } from '../../statement.ts'
import type { LevelKey } from '../lock-stock.ts'

/** A level and the movement that its count is based on: the movement's id, 0 for before the first. */
export type CountedAsOf = LevelKey & { asOf: bigint }

/**
 * Reads what counts are compared with: on hand as of a movement of the level, plus what other counts have corrected since. So the
 * same count sent twice corrects once. It reads nothing of the level's other movements.
 *
 * @returns a sum for each count, in their order; undefined where the level has no such movement
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

// counts have an index of their own: it is read under the locks of the stock, and orders write most of a ledger
const find = prepare<[skus: string, locations: string, asOf: string], { ordinal: bigint; base: bigint }>(
  'find-count-bases',
  `select counted.ordinal, (coalesce(known.available_after + known.reserved_after, 0) + (
    select coalesce(sum(since.delta), 0) from inventory_movements as since
    where since.sku = counted.sku and since.location = counted.location and since.id > counted.as_of and since.type = 'COUNT'
  ))::bigint as base
  from unnest($1::text[], $2::text[], $3::bigint[]) with ordinality as counted (sku, location, as_of, ordinal)
  left join inventory_movements as known
    on known.id = counted.as_of and known.sku = counted.sku and known.location = counted.location
  where known.id is not null or counted.as_of = 0`,
)
