import type { Allocation } from './allocation.ts'

/** Sorts places by what they hold: to give up from here leaves an order in few places. */
export function smallestFirst(held: readonly Allocation[]): Allocation[] {
  return held.toSorted((one, other) => one.qty - other.qty || byLocation(one, other))
}

/** Sorts places by what they hold: to ship from here takes few shipments. */
export function largestFirst(held: readonly Allocation[]): Allocation[] {
  return held.toSorted((one, other) => other.qty - one.qty || byLocation(one, other))
}

function byLocation(one: Allocation, other: Allocation): number {
  return one.location < other.location ? -1 : 1
}

/**
 * Picks a quantity of one SKU from one place after the other.
 *
 * @throws {Error} if they hold less: the ledger and the order do not go together
 */
export function pick(places: readonly Allocation[], qty: number): Allocation[] {
  const picked: Allocation[] = []
  let wanted = qty
  for (const { sku, location, qty: held } of places) {
    const part = Math.min(wanted, held)
    if (part > 0) picked.push({ sku, location, qty: part })
    wanted -= part
  }
  if (wanted > 0) throw new Error(`${wanted} pieces that an order has reserved are held nowhere`)
  return picked
}
