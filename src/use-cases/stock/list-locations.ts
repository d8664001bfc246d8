import type { Location } from '../../domain/stock/location.ts'
import { findAllLocations } from '../../sql/stock/locations.ts'
import type { ReadContext } from '../context.ts'

/** Reads all locations: active ones first, then by priority. */
export function listLocations({ pool }: ReadContext): Promise<Location[]> {
  return findAllLocations(pool)
}
