import type { Location } from '../../domain/stock/location.ts'
import { findAllLocations } from '../../sql/stock/locations.ts'
import type { ReadContext } from '../context.ts'

/** Reads all locations: those that orders take from first, and of these the sooner those that are taken from sooner. */
export function listLocations({ pool }: ReadContext): Promise<Location[]> {
  return findAllLocations(pool)
}
