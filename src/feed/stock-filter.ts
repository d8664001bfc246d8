import type pg from 'pg'
import { CallError } from '../domain/errors.ts'
import { isLocationCode } from '../domain/stock/location.ts'
import { isSku } from '../domain/stock/stock.ts'
import type { InventoryChange } from '../domain/stock/thresholds.ts'
import { STREAM_FILTER_MAX } from '../limits.ts'
import { findKnownSkus } from '../sql/stock/items.ts'
import { findLocations } from '../sql/stock/locations.ts'

/** Which changes of stock are followed: of these SKUs, at these locations; null for all. */
export type StockFilter = { skus: readonly string[] | null; locations: readonly string[] | null }

/** Returns a function that tells whether a change passes the filter. */
export function createFilter({ skus, locations }: StockFilter): (change: InventoryChange) => boolean {
  const wantedSkus = skus && new Set(skus)
  const wantedLocations = locations && new Set(locations)
  return ({ movement: { sku, location } }) =>
    (wantedSkus === null || wantedSkus.has(sku)) &&
    (wantedLocations === null || wantedLocations.has(location))
}

/** @throws {CallError} BAD_USER_INPUT for a filter that is too long, NOT_FOUND for a SKU or a location that does not exist */
export async function assertKnown(pool: pg.Pool, { skus, locations }: StockFilter): Promise<void> {
  assertLength('skus', skus)
  assertLength('locations', locations)
  const [foundSkus, foundLocations] = await Promise.all([
    skus && findKnownSkus(pool, skus.filter(isSku)),
    locations && findLocations(pool, locations.filter(isLocationCode)),
  ])
  assertFound('item with the SKU', skus, foundSkus)
  assertFound('location', locations, new Set(foundLocations?.map(({ code }) => code)))
}

function assertLength(name: string, values: readonly string[] | null): void {
  if (values === null || (values.length > 0 && values.length <= STREAM_FILTER_MAX)) return
  throw new CallError(
    'BAD_USER_INPUT',
    `${name} must name 1 to ${STREAM_FILTER_MAX}, not ${values.length}: leave it out for all`,
  )
}

function assertFound(
  what: string,
  wanted: readonly string[] | null,
  known: ReadonlySet<string> | null,
): void {
  const unknown = wanted?.find((value) => !known!.has(value))
  if (unknown !== undefined) {
    throw new CallError('NOT_FOUND', `There is no ${what} ${JSON.stringify(unknown.slice(0, 64))}`)
  }
}
