import { type Allocation, mergeAllocations } from '../../stock/allocation.ts'
import type { Location } from '../../stock/location.ts'
import { hasRoomFor, type StockLevel, stockMove } from '../../stock/stock.ts'
import type { Order } from '../order.ts'
import { changeLines, nextVersion, type OrderChange, type Refusal } from '../order-change.ts'
import type { Shipment } from '../shipment.ts'
import {
  type Expectation,
  refuse,
  refuseExcesses,
  refuseLines,
  refuseStale,
  refuseState,
  refuseUnknownLocation,
} from './refusals.ts'

/** What becomes of goods that come back: what is discarded never comes into stock again. */
export const DISPOSITIONS = ['RESTOCK', 'DISCARD'] as const
export type Disposition = (typeof DISPOSITIONS)[number]

/** What comes back. `location`: where it comes to; null for where it was shipped from. */
export type ReturnRequest = Expectation & {
  lines: readonly { sku: string; qty: number; disposition: Disposition }[]
  location: string | null
}

/** What `takeBack` has to know of stock. */
export type ReturnStock = {
  /** Those of the order, the oldest first. */
  shipments: readonly Shipment[]
  /** Those of the order's SKUs where its shipments left, and at the location that the request names. */
  levels: readonly StockLevel[]
  /** The one that the request names, if it exists. */
  locations: readonly Location[]
}

/**
 * Takes goods back that were shipped. Those to restock are available again. Pieces come back in the order in which they were
 * shipped: that decides where to, if no location is named.
 */
export function takeBack(
  order: Order,
  { shipments, levels, locations }: ReturnStock,
  asked: ReturnRequest,
  at: Date,
): OrderChange | Refusal {
  const refusal = refuseStale(order, asked) ?? refuseReturn(order, asked, locations)
  if (refusal) return refusal
  const { restocked, discarded } = sortOut(order, shipments, asked)
  const full = order.lines.find(({ sku }) => {
    const qty = restocked.reduce((sum, part) => (part.sku === sku ? sum + part.qty : sum), 0)
    const own = levels.filter((level) => level.sku === sku)
    return qty > 0 && !hasRoomFor(own, qty)
  })
  if (full) return refuse('INVALID_QTY', `No more of ${full.sku} can be on hand`, ['lines'])
  const lines = changeLines(order.lines, asked.lines, (line, qty) => {
    return { ...line, returned: line.returned + qty }
  })
  const after = nextVersion(order, 'OrderReturned', { lines }, at)
  const cause = { orderId: order.id, version: after.version }
  return {
    before: order,
    after,
    event: { type: 'OrderReturned', lines: [...restocked, ...discarded] },
    moves: restocked.map((allocation) => stockMove('RETURN', allocation, cause)),
  }
}

function refuseReturn(
  order: Order,
  { lines, location }: ReturnRequest,
  locations: readonly Location[],
): Refusal | undefined {
  const { status } = order
  if (status !== 'SHIPPED' && status !== 'PARTIALLY_SHIPPED')
    return refuseState(order, 'nothing of it can come back')
  if (location !== null && !locations.some(({ code }) => code === location)) {
    return refuseUnknownLocation(location, ['location'])
  }
  const refusal = refuseLines(lines, ({ sku, disposition }) => `${sku} ${disposition}`)
  return refusal ?? refuseExcesses(order, lines, ({ shipped, returned }) => shipped - returned)
}

/** Decides where what comes back goes to. */
function sortOut(
  order: Order,
  shipments: readonly Shipment[],
  { lines, location }: ReturnRequest,
): { restocked: Allocation[]; discarded: { sku: string; qty: number }[] } {
  const returnedOf = new Map(order.lines.map(({ sku, returned }) => [sku, returned]))
  const restocked: Allocation[] = []
  const discarded: { sku: string; qty: number }[] = []
  for (const { sku, qty, disposition } of lines) {
    const returned = returnedOf.get(sku)!
    returnedOf.set(sku, returned + qty)
    if (disposition === 'DISCARD') discarded.push({ sku, qty })
    else if (location !== null) restocked.push({ sku, location, qty })
    else restocked.push(...originsOf(shipments, sku, returned, qty))
  }
  return { restocked: mergeAllocations(restocked), discarded }
}

/** Where pieces of a SKU were shipped from, without the first `skipped` of them. */
function originsOf(shipments: readonly Shipment[], sku: string, skipped: number, qty: number): Allocation[] {
  const origins: Allocation[] = []
  let toSkip = skipped
  let wanted = qty
  for (const { location, lines, undoneAt } of shipments) {
    const shipped = undoneAt === null ? (lines.find((line) => line.sku === sku)?.qty ?? 0) : 0
    const part = Math.min(wanted, Math.max(0, shipped - toSkip))
    toSkip = Math.max(0, toSkip - shipped)
    wanted -= part
    if (part > 0) origins.push({ sku, location, qty: part })
  }
  if (wanted > 0) throw new Error(`${wanted} pieces that an order has shipped are in no shipment`)
  return origins
}
