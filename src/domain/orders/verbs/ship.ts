import { type Allocation, mergeAllocations } from '../../stock/allocation.ts'
import { largestFirst, pick, smallestFirst } from '../../stock/held.ts'
import type { Location } from '../../stock/location.ts'
import { promisableAt, type StockLevel, stockMove } from '../../stock/stock.ts'
import type { Order } from '../order.ts'
import { changeLines, nextVersion, type OrderChange, type Refusal } from '../order-change.ts'
import { waitingOf } from '../order-line.ts'
import type { Shipment } from '../shipment.ts'
import {
  type Expectation,
  refuseExcess,
  refuseExcesses,
  refuseLines,
  refuseStale,
  refuseState,
  refuseUnknownLocation,
} from './refusals.ts'

/**
 * What to ship. `lines`: null for all that is reserved. `location`: where lines that name none are shipped from; null for
 * wherever they are held. `reference`: of each shipment.
 */
export type ShipRequest = Expectation & {
  lines: readonly { sku: string; qty: number; location: string | null }[] | null
  location: string | null
  reference: string | null
}

/** What `ship` has to know of stock. */
export type ShipStock = {
  /** Where the order's stock is held. */
  held: readonly Allocation[]
  /** Those of the order's SKUs at the locations that the request names. */
  levels: readonly StockLevel[]
  /** Those that the request names, as far as they exist. */
  locations: readonly Location[]
}

/** An order that was shipped from. */
export type Shipped = OrderChange & {
  /** One a location. */
  shipments: readonly Shipment[]
}

/**
 * Ships what is reserved, once nothing of the order waits. A location that is named ships what it holds for the order. It takes
 * the promise for the rest of a line over from the others, if it has enough to promise, and if the order may take from it.
 *
 * @param newId makes the id of a shipment
 */
export function ship(
  order: Order,
  stock: ShipStock,
  asked: ShipRequest,
  newId: () => string,
  at: Date,
): Shipped | Refusal {
  const refusal = refuseStale(order, asked) ?? refuseShipping(order, asked, stock)
  if (refusal) return refusal
  const picking = pickAll(order, stock, asked)
  if ('refusal' in picking) return picking
  const shipped = mergeAllocations(picking.shipped)
  const lines = changeLines(order.lines, shipped, (line, qty) => {
    return { ...line, reserved: line.reserved - qty, shipped: line.shipped + qty }
  })
  const after = nextVersion(order, 'OrderShipped', { lines }, at)
  const shipments = shipmentsOf(after, shipped, asked, newId)
  const cause = { orderId: order.id, version: after.version }
  return {
    before: order,
    after,
    event: { type: 'OrderShipped', lines: shipped },
    shipments,
    moves: [
      ...mergeAllocations(picking.released).map((allocation) => stockMove('RELEASE', allocation, cause)),
      ...picking.takenOver.map((allocation) => stockMove('RESERVATION', allocation, cause)),
      ...shipments.flatMap(({ id: shipmentId, location, lines }) =>
        lines.map(({ sku, qty }) => stockMove('SHIPMENT', { sku, location, qty }, { ...cause, shipmentId })),
      ),
    ],
  }
}

function refuseShipping(
  order: Order,
  { lines, location }: ShipRequest,
  { locations }: ShipStock,
): Refusal | undefined {
  const { status } = order
  if (status !== 'RESERVED' && status !== 'PARTIALLY_SHIPPED')
    return refuseState(order, 'nothing of it can be shipped')
  if (order.expiresAt !== null) return refuseState(order, 'it is a hold, which has to be confirmed first')
  if (order.lines.some((line) => waitingOf(line) > 0)) return refuseState(order, 'a part of it still waits')
  const isKnown = (code: string | null) => code === null || locations.some((known) => known.code === code)
  if (!isKnown(location)) return refuseUnknownLocation(location!, ['location'])
  if (lines === null) return undefined
  const refusal = refuseLines(lines, (line) => `${line.sku} ${line.location ?? location}`)
  if (refusal) return refusal
  const unknown = lines.findIndex((line) => !isKnown(line.location))
  if (unknown !== -1) return refuseUnknownLocation(lines[unknown]!.location!, ['lines', unknown, 'location'])
  return refuseExcesses(order, lines, ({ reserved }) => reserved)
}

/** What leaves, what named locations take over for it, and where that is released. */
type Picking = { shipped: Allocation[]; takenOver: Allocation[]; released: Allocation[] }

/** Picks what a request asks for from where it is held, and takes the rest over. */
function pickAll(order: Order, stock: ShipStock, asked: ShipRequest): Picking | Refusal {
  const whole = order.lines.map(({ sku, reserved }) => ({ sku, qty: reserved, location: null }))
  const wanted = (asked.lines ?? whole).map((line, index) => {
    return { ...line, location: line.location ?? asked.location, index }
  })
  const picking: Picking = { shipped: [], takenOver: [], released: [] }
  for (const [sku, lines] of Map.groupBy(wanted, ({ sku }) => sku)) {
    let left = stock.held.filter((allocation) => allocation.sku === sku)
    const pickFrom = (places: readonly Allocation[], qty: number) => {
      const picked = pick(places, qty)
      left = without(left, picked)
      return picked
    }
    // what named locations hold leaves first, so that none takes over what another ships
    const rests = lines.map((line) => {
      const here = left.filter(({ location }) => location === line.location)
      const qty = Math.min(line.qty, here[0]?.qty ?? 0)
      picking.shipped.push(...pickFrom(here, qty))
      return { ...line, qty: line.qty - qty }
    })
    for (const { qty, location, index } of rests) {
      if (qty === 0) continue
      if (location === null) {
        picking.shipped.push(...pickFrom(largestFirst(left), qty))
        continue
      }
      const room = roomAt(order, stock, sku, location)
      if (qty <= room) {
        picking.released.push(...pickFrom(smallestFirst(left), qty))
        picking.takenOver.push({ sku, location, qty })
        picking.shipped.push({ sku, location, qty })
      } else if (asked.lines !== null) {
        const limit = asked.lines[index]!.qty - qty + room
        return refuseExcess(
          'INSUFFICIENT_STOCK',
          `At most ${limit} of ${sku} can leave from ${location}: ${whyNoMore(order, stock, location)}`,
          ['lines', index, 'qty'],
          limit,
        )
      }
    }
  }
  if (picking.shipped.length > 0) return picking
  // all that is reserved is there to be shipped, unless a location was named
  const location = asked.location!
  const why = whyNoMore(order, stock, location)
  const message = `${location} holds nothing of the order, and cannot take any of it over: ${why}`
  return refuseExcess('INSUFFICIENT_STOCK', message, ['location'], 0)
}

/** How much a location can promise to an order, instead of other locations. */
function roomAt(order: Order, stock: ShipStock, sku: string, location: string): number {
  if (whyClosed(order, stock, location) !== undefined) return 0
  const level = stock.levels.find((level) => level.sku === sku && level.location === location)
  return level ? Number(promisableAt(level)) : 0
}

/** Why the order may take nothing from a location, whatever is there. @returns undefined if it may */
function whyClosed(
  { locations: named }: Order,
  { locations }: ShipStock,
  location: string,
): string | undefined {
  if (!locations.some(({ code, isActive }) => code === location && isActive)) return 'it is inactive'
  if (named?.includes(location) === false) return 'the order takes from other locations alone'
  return undefined
}

function whyNoMore(order: Order, stock: ShipStock, location: string): string {
  return whyClosed(order, stock, location) ?? 'it has not enough to promise'
}

function without(held: readonly Allocation[], picked: readonly Allocation[]): Allocation[] {
  return mergeAllocations([...held, ...picked.map((part) => ({ ...part, qty: -part.qty }))])
}

function shipmentsOf(
  order: Order,
  shipped: readonly Allocation[],
  { reference }: ShipRequest,
  newId: () => string,
): Shipment[] {
  const byLocation = [...Map.groupBy(shipped, ({ location }) => location)].toSorted(byCode)
  return byLocation.map(([location, parts]) => ({
    id: newId(),
    orderId: order.id,
    orderVersion: order.version,
    location,
    reference,
    lines: parts.map(({ sku, qty }) => ({ sku, qty })),
    createdAt: order.updatedAt,
    undoneAt: null,
  }))
}

/** The order in which the shipments of one version are read. */
function byCode([one]: [location: string, unknown], [other]: [location: string, unknown]): number {
  return one < other ? -1 : 1
}
