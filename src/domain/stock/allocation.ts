import { type Order, waitingOf } from '../orders/order.ts'
import type { Location } from './location.ts'
import { promisableAt, type StockLevel } from './stock.ts'

/** A quantity of a SKU at a location: what an order takes there, or holds there. */
export type Allocation = { sku: string; location: string; qty: number }

/** Sums up quantities by SKU and location. */
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

/** An order's claim: the waiting quantities of its lines. */
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
 * Where two locations are alike, the one by priority.
 */
const STRATEGIES = {
  'fewest-locations': takeFromFewest,
  priority: (lines: readonly Coverable[]) => lines.flatMap((line) => takeFrom(line, line.sources)),
  'most-stock': (lines: readonly Coverable[]) => lines.flatMap(takeFromMost),
} as const

export type AllocationStrategy = keyof typeof STRATEGIES

export const ALLOCATION_STRATEGIES = Object.keys(STRATEGIES) as [AllocationStrategy, ...AllocationStrategy[]]

/**
 * Gives stock to orders, one after the other. A line gets all that waits of it or nothing, and is short only if it wants
 * more than is left at its turn. An order that is short gets nothing, unless suppliers are asked for the rest of it. A later order
 * that fits still gets its stock: available stock is never refused.
 *
 * It takes nothing from safety stock, from an inactive location, or from a location that the order does not name.
 *
 * @param orders in the order of their turn
 * @param levels every level of the SKUs that wait
 * @param locations those of the levels
 * @returns a result for each order, in their order
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

/** The lines of an order that want more than can be promised, as if it were its turn. */
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
    // no location has all of any line
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

/** The location that has all of most lines, by priority among those. @returns undefined if none has all of any */
function locationOfMost(lines: readonly Coverable[]): string | undefined {
  const [first] = lines
  // the usual order needs no count
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

/** Takes a line from where most of it is. That needs the fewest locations. */
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
