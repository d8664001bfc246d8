import type { Piece } from './allocate.ts'
import {
  byText,
  isHoldTime,
  keyOf,
  levelKey,
  type ModelOrder,
  type ModelShipment,
  openOf,
  refuseLines,
  waitingOf,
} from './model-data.ts'
import type { StockModel } from './stock-model.ts'

type Line = { sku: string; qty: number }

/** A call of a verb, as a caller makes it. */
export type VerbCall = {
  orderId: string
  caller: string
  idempotencyKey: string | null
  expectedVersion: number | null
} & (
  | { verb: 'cancelOrder'; lines: Line[] | null }
  | { verb: 'confirmOrder' }
  | { verb: 'extendHold'; holdSeconds: number }
  | { verb: 'shipOrder'; lines: (Line & { location: string | null })[] | null; location: string | null }
  | { verb: 'undoShipment'; shipment: Pick<ModelShipment, 'version' | 'location'> }
  | { verb: 'returnOrder'; lines: (Line & { disposition: 'RESTOCK' | 'DISCARD' })[]; location: string | null }
)

/** Why nothing was done. */
type Refused = { refused: string; limit?: number }

/** What a call must come to. */
export type Answer = Refused | { order: ModelOrder; shipments: ModelShipment[] }

/** Does to the model what a call asks for. */
export function call(model: StockModel, asked: VerbCall): Answer {
  const { orderId, caller, idempotencyKey, verb, ...input } = asked
  if (verb === 'undoShipment' && !findShipment(model, asked)) return { refused: 'UNKNOWN_SHIPMENT' }
  const order = model.find(orderId)
  if (!order) return { refused: 'UNKNOWN_ORDER' }
  const key = keyOf(caller, idempotencyKey)
  const earlier = idempotencyKey === null ? undefined : model.keys.get(key)
  const text = JSON.stringify({ orderId, ...input })
  if (earlier) {
    const isSame = earlier.verb === verb && earlier.input === text
    return isSame ? { order, shipments: earlier.shipments } : { refused: 'IDEMPOTENCY_KEY_REUSED' }
  }
  if (verb === 'extendHold' && !isHoldTime(asked.holdSeconds)) return { refused: 'INVALID_HOLD' }
  if (asked.expectedVersion !== null && asked.expectedVersion !== order.version)
    return { refused: 'STALE_EXPECTATION' }
  const result = run(model, order, asked)
  if ('refused' in result) return result
  if (idempotencyKey !== null) model.keys.set(key, { verb, input: text, orderId, shipments: result })
  return { order, shipments: result }
}

function run(model: StockModel, order: ModelOrder, asked: VerbCall): Refused | ModelShipment[] {
  switch (asked.verb) {
    case 'cancelOrder':
      return cancel(model, order, asked.lines)
    case 'confirmOrder':
      return changeHold(model, order, 'OrderConfirmed', null)
    case 'extendHold':
      return changeHold(model, order, 'HoldExtended', 'running')
    case 'shipOrder':
      return ship(model, order, asked.lines, asked.location)
    case 'undoShipment':
      return undo(model, order, findShipment(model, asked)!)
    case 'returnOrder':
      return takeBack(model, order, asked.lines, asked.location)
  }
}

function findShipment(
  { shipments }: StockModel,
  asked: VerbCall & { verb: 'undoShipment' },
): ModelShipment | undefined {
  return shipments.find(
    ({ orderId, version, location }) =>
      orderId === asked.orderId && version === asked.shipment.version && location === asked.shipment.location,
  )
}

function cancel(model: StockModel, order: ModelOrder, lines: Line[] | null): Refused | [] {
  if (lines === null && order.status === 'SHIPPED') return { refused: 'WRONG_STATE' }
  if (lines === null && order.ending !== null) return []
  const refusal = lines && (refuse(lines, ({ sku }) => sku) ?? refuseExcess(order, lines, openOf))
  if (refusal) return refusal
  for (const line of order.lines) {
    const qty = lines ? (lines.find(({ sku }) => sku === line.sku)?.qty ?? 0) : openOf(line)
    const released = Math.max(0, qty - waitingOf(line))
    for (const piece of take(smallestFirst(model.heldBy(order, line.sku)), released))
      model.move('RELEASE', piece, order, order.version + 1)
    line.reserved -= released
    line.cancelled += qty
  }
  model.transition(order, 'OrderCancelled', { ending: 'CANCELLED' })
  return []
}

function changeHold(
  model: StockModel,
  order: ModelOrder,
  type: 'OrderConfirmed' | 'HoldExtended',
  hold: ModelOrder['hold'],
): Refused | [] {
  const { ending } = order
  if (order.hold === null || ending === 'CANCELLED' || ending === 'FAILED') return { refused: 'WRONG_STATE' }
  if (order.hold === 'past') return { refused: 'HOLD_EXPIRED' }
  order.hold = hold
  model.transition(order, type)
  return []
}

function ship(
  model: StockModel,
  order: ModelOrder,
  lines: (Line & { location: string | null })[] | null,
  location: string | null,
): Refused | ModelShipment[] {
  if (order.status !== 'RESERVED' && order.status !== 'PARTIALLY_SHIPPED') return { refused: 'WRONG_STATE' }
  if (order.hold !== null) return { refused: 'WRONG_STATE' }
  if (order.lines.some((line) => waitingOf(line) > 0)) return { refused: 'WRONG_STATE' }
  const isUnknown = (code: string | null) => code !== null && !model.locations.has(code)
  if (isUnknown(location)) return { refused: 'UNKNOWN_LOCATION' }
  const wanted = (lines ?? order.lines.map(({ sku, reserved: qty }) => ({ sku, qty, location }))).map(
    (line) => {
      return { ...line, location: line.location ?? location }
    },
  )
  const refusal = lines && refuse(wanted, (line) => `${line.sku} ${line.location}`)
  if (refusal) return refusal
  if (lines?.some((line) => isUnknown(line.location))) return { refused: 'UNKNOWN_LOCATION' }
  const excess = lines && refuseExcess(order, lines, ({ reserved }) => reserved)
  if (excess) return excess

  const left = order.lines.flatMap(({ sku }) => model.heldBy(order, sku))
  const shipped: Piece[] = []
  const released: Piece[] = []
  const takenOver: Piece[] = []
  const takeOf = (places: readonly Piece[], qty: number) => {
    const taken = take(places, qty)
    for (const piece of taken) left.find((place) => isAt(place, piece))!.qty -= piece.qty
    return taken
  }
  // SKU by SKU: what a named location holds leaves before anything is taken over
  for (const line of wanted) {
    if (line.location === null) continue
    const here = takeOf(
      left.filter((place) => isAt(place, line)),
      Math.min(line.qty, heldAt(left, line)),
    )
    shipped.push(...here)
    line.qty -= sumOf(here)
  }
  const skus = [...new Set(wanted.map(({ sku }) => sku))]
  for (const line of skus.flatMap((sku) => wanted.filter((line) => line.sku === sku))) {
    const { sku, qty, location: to } = line
    if (qty === 0) continue
    const places = left.filter((place) => place.sku === sku && place.qty > 0)
    if (to === null) {
      shipped.push(...takeOf(largestFirst(places), qty))
      continue
    }
    const mayTake = model.locations.get(to)!.isActive && (order.locations?.includes(to) ?? true)
    const room = mayTake ? model.promisableAt(levelKey(sku, to)) : 0
    if (qty <= room) {
      released.push(...takeOf(smallestFirst(places), qty))
      takenOver.push({ sku, location: to, qty })
      shipped.push({ sku, location: to, qty })
    } else if (lines) {
      const asked = lines[wanted.indexOf(line)]!.qty
      return { refused: 'INSUFFICIENT_STOCK', limit: asked - qty + room }
    }
  }
  if (shipped.length === 0) return { refused: 'INSUFFICIENT_STOCK', limit: 0 }
  const version = order.version + 1
  for (const piece of merge(released)) model.move('RELEASE', piece, order, version)
  for (const piece of takenOver) model.move('RESERVATION', piece, order, version)
  const shipments = [...Map.groupBy(merge(shipped), (piece) => piece.location)].map(([location, pieces]) => {
    for (const piece of pieces) model.move('SHIPMENT', piece, order, version)
    const lines = pieces
      .map(({ sku, qty }) => ({ sku, qty }))
      .sort((one, other) => byText(one.sku, other.sku))
    return { orderId: order.id, version, location, lines, isUndone: false }
  })
  for (const line of order.lines) {
    const qty = sumOf(shipped.filter(({ sku }) => sku === line.sku))
    line.reserved -= qty
    line.shipped += qty
  }
  model.shipments.push(...shipments)
  model.transition(order, 'OrderShipped')
  return shipments
}

function undo(model: StockModel, order: ModelOrder, shipment: ModelShipment): Refused | [] {
  if (shipment.isUndone) return { refused: 'WRONG_STATE' }
  // as long as something of it waits again, something of it stays shipped
  const isLast = order.lines.every((line) => {
    return line.shipped === sumOf(shipment.lines.filter(({ sku }) => sku === line.sku))
  })
  if (isLast && order.lines.some((line) => waitingOf(line) > 0)) return { refused: 'WRONG_STATE' }
  for (const line of order.lines) {
    const qty = sumOf(shipment.lines.filter(({ sku }) => sku === line.sku))
    // those that came back cannot be on their way out again
    if (line.shipped - qty < line.returned)
      return { refused: 'QTY_EXCEEDED', limit: line.shipped - line.returned }
  }
  for (const { sku, qty } of shipment.lines) {
    const line = order.lines.find((line) => line.sku === sku)!
    line.shipped -= qty
    line.reserved += qty
    model.move('SHIPMENT_UNDONE', { sku, location: shipment.location, qty }, order, order.version + 1)
  }
  shipment.isUndone = true
  model.transition(order, 'ShipmentUndone')
  return []
}

function takeBack(
  model: StockModel,
  order: ModelOrder,
  lines: (Line & { disposition: 'RESTOCK' | 'DISCARD' })[],
  location: string | null,
): Refused | [] {
  if (order.status !== 'SHIPPED' && order.status !== 'PARTIALLY_SHIPPED') return { refused: 'WRONG_STATE' }
  if (location !== null && !model.locations.has(location)) return { refused: 'UNKNOWN_LOCATION' }
  const refusal = refuse(lines, ({ sku, disposition }) => `${sku} ${disposition}`)
  const excess = refusal ?? refuseExcess(order, lines, ({ shipped, returned }) => shipped - returned)
  if (excess) return excess
  const restocked: Piece[] = []
  for (const { sku, qty, disposition } of lines) {
    const line = order.lines.find((line) => line.sku === sku)!
    // each piece, in the order in which they left, by where it left from
    const pieces = model.shipments.flatMap(({ orderId, isUndone, location, lines }) => {
      const shipped = orderId === order.id && !isUndone ? sumOf(lines.filter((line) => line.sku === sku)) : 0
      return Array<string>(shipped).fill(location)
    })
    for (const origin of pieces.slice(line.returned, line.returned + qty))
      if (disposition === 'RESTOCK') restocked.push({ sku, location: location ?? origin, qty: 1 })
    line.returned += qty
  }
  for (const piece of merge(restocked)) model.move('RETURN', piece, order, order.version + 1)
  model.transition(order, 'OrderReturned')
  return []
}

function refuse<L extends Line>(lines: readonly L[], nameOf: (line: L) => string): Refused | null {
  const refused = refuseLines(lines, nameOf)
  return refused === null ? null : { refused }
}

/** Several lines of one SKU count together. */
function refuseExcess(
  order: ModelOrder,
  lines: readonly Line[],
  limitOf: (line: ModelOrder['lines'][number]) => number,
): Refused | null {
  for (const [index, { sku, qty }] of lines.entries()) {
    const line = order.lines.find((line) => line.sku === sku)
    if (!line) return { refused: 'UNKNOWN_SKU' }
    const limit = limitOf(line) - sumOf(lines.slice(0, index).filter((earlier) => earlier.sku === sku))
    if (qty > limit) return { refused: 'QTY_EXCEEDED', limit }
  }
  return null
}

function take(places: readonly Piece[], qty: number): Piece[] {
  let wanted = qty
  return places.flatMap((place) => {
    const part = Math.min(wanted, place.qty)
    wanted -= part
    return part > 0 ? [{ ...place, qty: part }] : []
  })
}

function smallestFirst(places: readonly Piece[]): Piece[] {
  return places.toSorted((one, other) => one.qty - other.qty || byText(one.location, other.location))
}

function largestFirst(places: readonly Piece[]): Piece[] {
  return places.toSorted((one, other) => other.qty - one.qty || byText(one.location, other.location))
}

function merge(pieces: readonly Piece[]): Piece[] {
  const groups = Map.groupBy(pieces, ({ sku, location }) => `${sku} ${location}`)
  return [...groups.values()].map((group) => ({ ...group[0]!, qty: sumOf(group) }))
}

function isAt(place: Piece, { sku, location }: { sku: string; location: string | null }): boolean {
  return place.sku === sku && place.location === location
}

function heldAt(places: readonly Piece[], at: { sku: string; location: string | null }): number {
  return sumOf(places.filter((place) => isAt(place, at)))
}

function sumOf(parts: readonly { qty: number }[]): number {
  return parts.reduce((sum, { qty }) => sum + qty, 0)
}
