import type { ModelOrder } from './model-data.ts'

/** A quantity of a SKU at a location. */
export type Piece = { sku: string; location: string; qty: number }

export type ModelLevel = { available: number; reserved: number }

/** What an order takes, and the SKUs of which there is not enough for it. Only one that asks suppliers takes a part. */
export type Allocated = { order: ModelOrder; taken: Piece[]; short: string[] }

/**
 * Who gets what of the stock that there is, in turn. A line gets all that waits of it or nothing.
 *
 * @param promisable of each level, by SKU and location
 */
export function allocateTo(
  orders: readonly ModelOrder[],
  promisable: ReadonlyMap<string, number>,
  locations: ReadonlyMap<string, { priority: number; isActive: boolean }>,
): Allocated[] {
  const left = new Map(promisable)
  const there = (sku: string, location: string) => left.get(`${sku} ${location}`) ?? 0
  return orders.map((order) => {
    const sources = [...locations]
      .filter(([code, { isActive }]) => isActive && (order.locations?.includes(code) ?? true))
      .sort(([one, a], [other, b]) => a.priority - b.priority || (one < other ? -1 : 1))
      .map(([code]) => code)
    const wanted = order.lines
      .map(({ sku, qty, reserved, shipped, cancelled }) => ({
        sku,
        qty: qty - reserved - shipped - cancelled,
      }))
      .filter(({ qty }) => qty > 0)
    const isThere = ({ sku, qty }: { sku: string; qty: number }) =>
      sources.reduce((sum, location) => sum + there(sku, location), 0) >= qty
    const short = wanted.filter((line) => !isThere(line)).map(({ sku }) => sku)
    const isTaken = short.length === 0 || order.ifShort === 'ASK_SUPPLIER'
    const taken = isTaken ? spread(wanted.filter(isThere), sources, there) : []
    for (const { sku, location, qty } of taken) left.set(`${sku} ${location}`, there(sku, location) - qty)
    return { order, taken, short }
  })
}

/** Takes lines from as few locations as that can be done by simple means: always the one that has all of most of the rest. */
function spread(
  lines: readonly { sku: string; qty: number }[],
  sources: readonly string[],
  there: (sku: string, location: string) => number,
): Piece[] {
  const covered = sources.map((location) => lines.filter(({ sku, qty }) => there(sku, location) >= qty))
  const most = Math.max(0, ...covered.map(({ length }) => length))
  if (most === 0) return lines.flatMap((line) => takeFromMost(line, sources, there))
  const index = covered.findIndex(({ length }) => length === most)
  const location = sources[index]!
  const rest = lines.filter((line) => !covered[index]!.includes(line))
  const taken = covered[index]!.map(({ sku, qty }) => ({ sku, location, qty }))
  return rest.length === 0 ? taken : [...taken, ...spread(rest, sources, there)]
}

/** Takes a line that no location has all of, from where most of it is first. */
function takeFromMost(
  { sku, qty }: { sku: string; qty: number },
  sources: readonly string[],
  there: (sku: string, location: string) => number,
): Piece[] {
  let wanted = qty
  const byStock = sources.toSorted((one, other) => there(sku, other) - there(sku, one))
  return byStock.flatMap((location) => {
    const part = Math.min(wanted, there(sku, location))
    wanted -= part
    return part > 0 ? [{ sku, location, qty: part }] : []
  })
}
