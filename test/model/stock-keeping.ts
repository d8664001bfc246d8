import type { Piece } from './allocate.ts'
import {
  type Adjusted,
  byText,
  keyOf,
  type ModelAdjustment,
  type ModelOrder,
  refuseLines,
} from './model-data.ts'
import type { StockModel } from './stock-model.ts'

type Line = { sku: string; qty: number }

/** `asOf`: the n-th movement of the level, 0 for before any, and one that is not there; null for now. */
type ModelCount = { sku: string; counted: number; asOf: number | null }

/** A call of who keeps stock. */
export type Keeping = { caller: string; idempotencyKey: string | null } & (
  | { verb: 'receiveInventory'; sku: string; location: string; qty: number }
  | { verb: 'transferInventory'; from: string; to: string; lines: Line[] }
  | {
      verb: 'countInventory'
      location: string
      counts: ModelCount[]
      mayUnreserve: boolean
      maySkip: boolean
      isDry: boolean
    }
)

/** What a call must come to. */
export type Kept =
  | { refused: string[] }
  | { level: { available: number; reserved: number } }
  | { moved: number }
  | { counts: CountResult[]; unreserved: string[] }

type CountResult = {
  before: number | null
  after: number | null
  delta: number | null
  error: string | null
  limit: number | null
}

/** Changes what is available of a SKU at a location. @returns the item's totals, or why nothing was changed */
export function adjustLevel(
  model: StockModel,
  { sku, location, delta, expectedAvailable }: ModelAdjustment,
): Adjusted {
  if (delta === 0) return { refused: 'INVALID_QTY' }
  if (!model.items.includes(sku)) return { refused: 'UNKNOWN_SKU' }
  if (!model.locations.has(location)) return { refused: 'UNKNOWN_LOCATION' }
  const { available } = model.level(sku, location)
  if (expectedAvailable !== null && expectedAvailable !== available) return { refused: 'STALE_EXPECTATION' }
  if (available + delta < 0) return { refused: 'INSUFFICIENT_STOCK' }
  model.move('ADJUSTMENT', { sku, location, qty: delta })
  const levels = [...model.locations.keys()].map((code) => model.level(sku, code))
  return {
    available: levels.reduce((sum, level) => sum + level.available, 0),
    reserved: levels.reduce((sum, level) => sum + level.reserved, 0),
  }
}

/** Does to the model what a call asks for. */
export function keep(model: StockModel, asked: Keeping): Kept {
  const { caller, idempotencyKey, ...input } = asked
  const malformed = refuseForm(asked)
  if (malformed) return { refused: [malformed] }
  const isDry = asked.verb === 'countInventory' && asked.isDry
  const key = keyOf(caller, idempotencyKey)
  const earlier = idempotencyKey === null || isDry ? undefined : model.keys.get(key)
  const text = JSON.stringify(input)
  if (earlier) {
    if (earlier.verb !== asked.verb || earlier.input !== text) return { refused: ['IDEMPOTENCY_KEY_REUSED'] }
    return asked.verb === 'receiveInventory' ? levelOf(model, asked) : earlier.made!
  }
  const { kept, isDone } = run(model, asked)
  if (idempotencyKey !== null && isDone)
    model.keys.set(key, { verb: asked.verb, input: text, orderId: null, shipments: [], made: kept })
  return kept
}

function refuseForm(asked: Keeping): string | null {
  switch (asked.verb) {
    case 'receiveInventory':
      return asked.qty < 1 ? 'INVALID_QTY' : null
    case 'transferInventory':
      return (
        refuseLines(asked.lines, ({ sku }) => sku) ?? (asked.from === asked.to ? 'LOCATION_IN_USE' : null)
      )
    case 'countInventory':
      return asked.counts.length === 0 ? 'INVALID_LINES' : null
  }
}

function run(model: StockModel, asked: Keeping): { kept: Kept; isDone: boolean } {
  switch (asked.verb) {
    case 'receiveInventory': {
      const error = unknownOf(model, asked.sku, asked.location)
      if (error) return { kept: { refused: [error] }, isDone: false }
      model.move('RECEIPT', asked)
      return { kept: levelOf(model, asked), isDone: true }
    }
    case 'transferInventory':
      return transfer(model, asked)
    case 'countInventory':
      return count(model, asked)
  }
}

function levelOf(model: StockModel, { sku, location }: { sku: string; location: string }): Kept {
  return { level: { ...model.level(sku, location) } }
}

function unknownOf(model: StockModel, sku: string, location: string): string | null {
  if (!model.items.includes(sku)) return 'UNKNOWN_SKU'
  return model.locations.has(location) ? null : 'UNKNOWN_LOCATION'
}

function transfer(
  model: StockModel,
  { from, to, lines }: Extract<Keeping, { verb: 'transferInventory' }>,
): { kept: Kept; isDone: boolean } {
  const errors = lines.flatMap(({ sku, qty }, index) => {
    const [left, come] = [unknownOf(model, sku, from), unknownOf(model, sku, to)]
    if (left === 'UNKNOWN_SKU') return [`${left} ${index}`]
    const short =
      left === null && model.level(sku, from).available < qty ? [`INSUFFICIENT_STOCK ${index}`] : []
    return [...(left ? [`${left} from`] : short), ...(come ? [`${come} to`] : [])]
  })
  if (errors.length > 0) {
    return { kept: { refused: [...new Set(errors)].map((error) => error.split(' ')[0]!) }, isDone: false }
  }
  for (const { sku, qty } of lines) {
    model.move('TRANSFER_OUT', { sku, location: from, qty })
    model.move('TRANSFER_IN', { sku, location: to, qty })
  }
  return { kept: { moved: 2 * lines.length }, isDone: true }
}

function count(
  model: StockModel,
  { location, counts, mayUnreserve, maySkip, isDry }: Extract<Keeping, { verb: 'countInventory' }>,
): { kept: Kept; isDone: boolean } {
  const refused = (error: string, before: number | null, limit: number | null = null): CountResult => {
    return { before, after: null, delta: null, error, limit }
  }
  const results = counts.map(({ sku, counted, asOf }): CountResult => {
    const unknown = counted < 0 ? 'INVALID_QTY' : unknownOf(model, sku, location)
    if (unknown) return refused(unknown, null)
    const { available, reserved } = model.level(sku, location)
    const before = available + reserved
    const there = model.ledger.filter((movement) => movement.sku === sku && movement.location === location)
    if (asOf !== null && asOf > there.length) return refused('STALE_EXPECTATION', before)
    // what was there then, as if every correction since had been there too
    const then = asOf === null ? before : asOf === 0 ? 0 : sumAfter(there[asOf - 1]!)
    const since = asOf === null ? [] : there.slice(asOf).filter(({ type }) => type === 'COUNT')
    const delta = counted - then - since.reduce((sum, { delta }) => sum + delta, 0)
    const most = mayUnreserve ? before : available
    if (most + delta < 0) return refused('INSUFFICIENT_STOCK', before, counted - delta - most)
    return { before, after: before + delta, delta, error: null, limit: null }
  })
  const isRefused = maySkip ? results.every(({ error }) => error) : results.some(({ error }) => error)
  const toTakeBack = isRefused
    ? []
    : counts.flatMap(({ sku }, index) => {
        const lacking = -(model.level(sku, location).available + (results[index]!.delta ?? 0))
        return lacking > 0 ? newestOf(model, sku, location, lacking).map((order) => ({ order, sku })) : []
      })
  const orders = [...new Set(toTakeBack.map(({ order }) => order))].sort((one, other) =>
    byText(one.id, other.id),
  )
  const unreserved = orders.map(({ id }) => id)
  if (isRefused) {
    return {
      kept: { counts: results.map((one) => ({ ...one, after: null, delta: null })), unreserved: [] },
      isDone: false,
    }
  }
  if (isDry)
    return { kept: { counts: results.map((one) => ({ ...one, delta: null })), unreserved }, isDone: false }
  for (const order of orders) {
    takeBack(
      model,
      order,
      toTakeBack.filter((one) => one.order === order).map(({ sku }) => sku),
    )
  }
  for (const [index, { delta }] of results.entries()) {
    if (delta) model.move('COUNT', { sku: counts[index]!.sku, location, qty: delta })
  }
  const made = results.map((one) => ({ ...one, delta: one.delta || null }))
  return { kept: { counts: made, unreserved }, isDone: true }
}

function sumAfter({ availableAfter, reservedAfter }: StockModel['ledger'][number]): number {
  return availableAfter + reservedAfter
}

/** The newest orders that hold so many pieces there. */
function newestOf(model: StockModel, sku: string, location: string, qty: number): ModelOrder[] {
  const held = (order: ModelOrder) =>
    model.heldBy(order, sku).find((piece) => piece.location === location)?.qty ?? 0
  let lacking = qty
  return model.orders
    .toSorted((one, other) => byText(other.id, one.id))
    .filter((order) => {
      if (lacking <= 0 || held(order) === 0) return false
      lacking -= held(order)
      return true
    })
}

function takeBack(model: StockModel, order: ModelOrder, skus: readonly string[]): void {
  const pieces: Piece[] = skus.flatMap((sku) => model.heldBy(order, sku))
  for (const piece of pieces) model.move('RELEASE', piece, order, order.version + 1)
  for (const line of order.lines) if (skus.includes(line.sku)) line.reserved = 0
  order.ifShort = 'WAIT'
  model.transition(order, 'OrderUnreserved', { lookedAt: true })
}
