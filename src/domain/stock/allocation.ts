import type { Order } from '../orders/order.ts'
import { waitingOf } from '../orders/order-line.ts'
import type { Location } from './location.ts'
import { promisableAt, type StockLevel } from './stock.ts'

/** A quantity of a SKU that an order takes or holds at a location. */
export type Allocation = { sku: string; location: string; qty: number }

/** Returns one allocation for each SKU and location, with the sum of their quantities. */
export function mergeAllocations(allocations: readonly Allocation[]): Allocation[] {
  const merged = new Map<string, Allocation>()
  for (const { sku, location, qty } of allocations) {
    const key = `${sku} ${location}`
    merged.set(key, { sku, location, qty: qty + (merged.get(key)?.qty ?? 0) })
  }
  return [...merged.values()]
}

/** A line that wants more than can be promised at its turn. It takes nothing. */
export type ShortLine = { sku: string; qty: number; missing: number }

/** What an order asks for: the waiting quantity of each of its lines. */
export type Claim = Pick<Order, 'lines' | 'locations' | 'ifShort'>

/** Result for an order. */
export type Allocated<C extends Claim> = {
  order: C
  taken: readonly Allocation[]
  short: readonly ShortLine[]
}

/** A location's stock of a SKU, as far as it can still be promised. `rank`: the location's place by priority. */
type Source = { location: string; rank: number; left: number }

/** A line that can be covered, and from where, by priority. */
type Coverable = { sku: string; qty: number; sources: readonly Source[] }

/**
 * How lines are spread over locations:
 * - `fewest-locations`: one location for all of them if there is one, else the one that covers most, and so on;
 * - `priority`: each line from the locations in the order of their priority;
 * - `most-stock`: each line from the location that has most of it.
 *
 * Between equal locations, priority decides.
 */
const STRATEGIES = {
  'fewest-locations': takeFromFewest,
  priority: (lines: readonly Coverable[]) => lines.flatMap((line) => takeFrom(line, line.sources)),
  'most-stock': (lines: readonly Coverable[]) => lines.flatMap(takeFromMost),
} as const

export type AllocationStrategy = keyof typeof STRATEGIES

export const ALLOCATION_STRATEGIES = Object.keys(STRATEGIES) as [AllocationStrategy, ...AllocationStrategy[]]

/**
 * Allocates stock to orders, one after the other. A line gets its whole waiting quantity or nothing; it is short if that is more
 * than is left at its turn. An order with a short line gets nothing, unless suppliers are asked for the short lines. A later order
 * that fits still gets its stock: available stock is never refused.
 *
 * Takes no safety stock, nothing at inactive locations, and nothing at locations that the order does not name.
 *
 * @param orders in the order of their turn
 * @param levels every level of the orders' SKUs
 * @param locations the locations of these levels
 * @returns a result for each order, in the same order
 */
export function allocate<C extends Claim>(
  orders: readonly C[],
  levels: readonly StockLevel[],
  locations: readonly Location[],
  strategy: AllocationStrategy,
): Allocated<C>[] {
  const sourcesOf = sourcesBySku(levels, locations)
  const take = STRATEGIES[strategy]
  return orders.map((order) => {
    const coverable: Coverable[] = []
    const short: ShortLine[] = []
    for (const line of order.lines) {
      const { sku } = line
      const qty = waitingOf(line)
      if (qty === 0) continue
      const sources = namedBy(order, sourcesOf.get(sku) ?? [])
      const there = sources.reduce((total, { left }) => total + left, 0)
      if (there < qty) short.push({ sku, qty, missing: qty - there })
      else coverable.push({ sku, qty, sources })
    }
    const isTaken = short.length === 0 || order.ifShort === 'ASK_SUPPLIER'
    return { order, taken: isTaken ? take(coverable) : [], short }
  })
}

/** Returns the lines of an order that would be short if its turn were now. */
export function shortOf(
  order: Claim,
  levels: readonly StockLevel[],
  locations: readonly Location[],
): readonly ShortLine[] {
  return allocate([order], levels, locations, 'priority')[0]!.short
}

/** The sources of each SKU, by priority. */
function sourcesBySku(
  levels: readonly StockLevel[],
  locations: readonly Location[],
): Map<string, readonly Source[]> {
  const active = locations.filter(({ isActive }) => isActive).sort(byPriority)
  const rankOf = new Map(active.map(({ code }, rank) => [code, rank]))
  const sourcesOf = new Map<string, Source[]>()
  for (const level of levels) {
    const rank = rankOf.get(level.location)
    if (rank === undefined) continue
    const source = { location: level.location, rank, left: Number(promisableAt(level)) }
    const sources = sourcesOf.get(level.sku)
    if (sources) sources.push(source)
    else sourcesOf.set(level.sku, [source])
  }
  for (const sources of sourcesOf.values()) sources.sort((one, other) => one.rank - other.rank)
  return sourcesOf
}

/** Sorts locations by priority, and those of one priority by their codes. */
function byPriority(one: Location, other: Location): number {
  return one.priority - other.priority || (one.code < other.code ? -1 : 1)
}

function namedBy({ locations }: Claim, sources: readonly Source[]): readonly Source[] {
  return locations === null ? sources : sources.filter(({ location }) => locations.includes(location))
}

function takeFromFewest(lines: readonly Coverable[]): Allocation[] {
  const taken: Allocation[] = []
  let rest = lines
  while (rest.length > 0) {
    const location = locationOfMost(rest)
    // no location covers any line whole
    if (location === undefined) return [...taken, ...rest.flatMap(takeFromMost)]
    const uncovered: Coverable[] = []
    for (const line of rest) {
      const source = line.sources.find((source) => source.location === location)
      if (source && source.left >= line.qty) taken.push(...takeFrom(line, [source]))
      else uncovered.push(line)
    }
    rest = uncovered
  }
  return taken
}

/** Returns the location that covers most lines whole; of several, the first by priority. Undefined if none covers any. */
function locationOfMost(lines: readonly Coverable[]): string | undefined {
  const [first] = lines
  // usual orders have one line: nothing to count
  if (first && lines.length === 1) return first.sources.find(({ left }) => left >= first.qty)?.location
  const counts = new Map<string, number>()
  let best: Source | undefined
  for (const { qty, sources } of lines) {
    for (const source of sources) {
      if (source.left < qty) continue
      const count = (counts.get(source.location) ?? 0) + 1
      counts.set(source.location, count)
      const bestCount = best ? counts.get(best.location)! : 0
      if (count > bestCount || (count === bestCount && source.rank < best!.rank)) best = source
    }
  }
  return best?.location
}

/** Takes a line from the locations that have most of it: these are the fewest. */
function takeFromMost(line: Coverable): Allocation[] {
  return takeFrom(
    line,
    line.sources.toSorted((one, other) => other.left - one.left),
  )
}

/** Takes a line from one source after the other. */
function takeFrom({ sku, qty }: Coverable, sources: readonly Source[]): Allocation[] {
  const taken: Allocation[] = []
  let wanted = qty
  for (const source of sources) {
    const part = Math.min(wanted, source.left)
    if (part === 0) continue
    source.left -= part
    wanted -= part
    taken.push({ sku, location: source.location, qty: part })
    if (wanted === 0) break
  }
  return taken
}
