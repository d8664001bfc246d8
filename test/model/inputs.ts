import fc from 'fast-check'
import type { SupplierOutcome } from '../../src/domain/supplier/supplier-policy.ts'
import {
  isOpen,
  type ModelCall,
  type ModelJob,
  type ModelLine,
  type ModelOrder,
  type ModelRequest,
  type ModelWish,
  openOf,
} from './model-data.ts'
import type { Keeping } from './stock-keeping.ts'
import type { StockModel } from './stock-model.ts'
import type { VerbCall } from './verbs.ts'

// What commands are given. What is picked are numbers that mean something only where there is something to pick from.

export const SKUS = ['A', 'B', 'C'] as const
/** Beside `MAIN`, which is there from the start. */
export const LOCATIONS = ['EAST', 'WEST'] as const

export const pick = fc.nat(999)
export const picks = fc.array(pick, { minLength: 1, maxLength: 5 })

/** Most picks are of what matters now; the others must change nothing. */
export function pickFrom<Item>(
  items: readonly Item[],
  likely: (item: Item) => boolean,
  number: number,
): Item {
  const liked = number % 4 === 0 ? [] : items.filter(likely)
  const from = liked.length > 0 ? liked : items
  return from[Math.floor(number / 4) % from.length]!
}

export const isOpenHold = ({ hold, ending }: ModelOrder) => hold !== null && ending === null
export const isPending = (order: ModelOrder) => order.status === 'PENDING'

export const outcome = fc.oneof(
  fc.record({ kind: fc.constant('accepted' as const), ref: fc.constantFrom('r1', 'r2') }),
  fc.constantFrom<SupplierOutcome[]>(
    { kind: 'refused' },
    { kind: 'ok' },
    { kind: 'ok' },
    { kind: 'fail' },
    { kind: 'delayed' },
    { kind: 'delayed' },
    { kind: 'transport-error', detail: 'answered 503' },
    { kind: 'transport-error', detail: 'timed out' },
    { kind: 'transport-error', detail: 'answered 429', retryAfterMs: 30 },
  ),
)
export type PickedCall = { pick: number; late: number; outcome: SupplierOutcome }
export const calls = fc.array(
  fc.record<PickedCall>({ pick, late: fc.constantFrom(0, 0, 0, 1, 1, -1), outcome }),
  {
    minLength: 1,
    maxLength: 6,
  },
)

/** Calls for the step that their request is on, for the one before, and for one that has yet to come. */
export function callsOf(requests: readonly ModelRequest[], list: readonly PickedCall[]): ModelCall[] {
  return list.map(({ pick, late, outcome }) => {
    const { orderId, sku, step } = pickFrom(requests, isOpen, pick)
    return { orderId, sku, step: step - late, outcome }
  })
}

const sku = fc.constantFrom(...SKUS)
const location = fc.constantFrom('MAIN', ...LOCATIONS)
const odd = <Value>(usual: fc.Arbitrary<Value>, ...others: Value[]) =>
  fc.oneof({ weight: 24, arbitrary: usual }, { weight: 1, arbitrary: fc.constantFrom(...others) })
const caller = fc.constantFrom('ann', 'bob')
const idempotencyKey = fc.oneof(fc.constant(null), fc.constantFrom('k1', 'k2', 'k3'))

/** No hold ends while a test runs, unless it has it end. */
const HOLD_SECONDS = 86_400
const holdSeconds = odd(fc.constantFrom(null, null, HOLD_SECONDS), 0, 2_678_401)

const line = fc.record({
  sku: odd<string>(sku, 'NONE', '?'),
  qty: odd(fc.integer({ min: 1, max: 6 }), 0, -1, 1_000_000, 1_000_001),
})
/** No SKU twice but for one in ten. */
const lines = fc.oneof(
  { weight: 9, arbitrary: fc.uniqueArray(line, { minLength: 1, maxLength: 3, selector: ({ sku }) => sku }) },
  { weight: 1, arbitrary: fc.array(line, { maxLength: 3 }) },
)
export const wish = fc.record<ModelWish>({
  lines,
  locations: fc.option(fc.array(odd<string>(location, 'NOWHERE', '?'), { maxLength: 2 }), { freq: 2 }),
  ifShort: fc.constantFrom('ASK_SUPPLIER', 'ASK_SUPPLIER', 'WAIT', 'WAIT', 'FAIL'),
  holdSeconds,
  idempotencyKey,
  caller,
})
/** Now and then the first is sent again under its key. */
export const wishes = fc
  .tuple(fc.array(wish, { minLength: 1, maxLength: 5 }), fc.nat(2))
  .map(([list, again]) => [...list, ...Array.from({ length: again }, () => list[0]!)])
export const adjustment = fc.record({
  sku,
  location: odd<string>(location, 'NOWHERE'),
  delta: fc.integer({ min: -8, max: 8 }),
})
export const savedLocation = fc.record({
  code: location,
  priority: fc.constantFrom(50, 100, 150),
  isActive: fc.constantFrom(true, true, false),
})

const keeper = { caller, idempotencyKey }
const counts = fc.uniqueArray(
  fc.record({
    sku: odd<string>(sku, 'NONE'),
    counted: odd(fc.integer({ min: 0, max: 10 }), -1),
    asOf: fc.oneof(fc.constant(null), fc.constant(null), fc.nat(8)),
  }),
  { minLength: 0, maxLength: 3, selector: ({ sku }) => sku },
)

/** A call of who keeps stock; most often a count, which has most to go wrong. */
export const keeping: fc.Arbitrary<Keeping> = fc.oneof(
  fc.record({
    ...keeper,
    verb: fc.constant('receiveInventory' as const),
    sku: odd<string>(sku, 'NONE'),
    location: odd<string>(location, 'NOWHERE'),
    qty: odd(fc.integer({ min: 1, max: 6 }), 0),
  }),
  fc.record({
    ...keeper,
    verb: fc.constant('transferInventory' as const),
    from: odd<string>(location, 'NOWHERE'),
    to: odd<string>(location, 'NOWHERE'),
    lines,
  }),
  {
    weight: 3,
    arbitrary: fc.record({
      ...keeper,
      verb: fc.constant('countInventory' as const),
      location: odd<string>(location, 'NOWHERE'),
      counts,
      mayUnreserve: fc.constantFrom(true, true, false),
      maySkip: fc.boolean(),
      isDry: fc.nat(5).map((n) => n === 0),
    }),
  },
)

export function pickJobs(model: StockModel, picks: readonly number[]): ModelJob[] {
  if (model.jobs.length === 0) return []
  return [...new Set(picks.map((pick) => pickFrom(model.jobs, () => true, pick)))]
}

const place = odd<string | null>(fc.oneof(fc.constant(null), location), 'NOWHERE', '?')

/** A call of a verb: `qtys` are of the order's lines, 0 for none of it. */
export const verbCall = fc.record({
  verb: fc.constantFrom(
    ...([
      'cancelOrder',
      'cancelOrder',
      'confirmOrder',
      'confirmOrder',
      'extendHold',
      'shipOrder',
      'shipOrder',
      'shipOrder',
      'undoShipment',
      'returnOrder',
      'returnOrder',
    ] as const),
  ),
  pick,
  isWhole: fc.constantFrom(true, true, false),
  qtys: fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 3, maxLength: 3 }),
  /** Whether no more is cancelled than is open. */
  isWithin: fc.boolean(),
  /** One more line, which most often is one too many. */
  more: fc.option(line, { freq: 12 }),
  place,
  places: fc.array(place, { minLength: 4, maxLength: 4 }),
  isDiscarded: fc.boolean(),
  holdSeconds: odd(fc.constant(HOLD_SECONDS), 0, 2_678_401),
  /** How far the expected version is off; null where none is expected. */
  off: fc.oneof(
    { weight: 5, arbitrary: fc.constant(null) },
    { weight: 2, arbitrary: fc.constantFrom(0, 0, 1) },
  ),
  caller,
  idempotencyKey,
})
type PickedVerb = typeof verbCall extends fc.Arbitrary<infer Picked> ? Picked : never

const CAN: Record<VerbCall['verb'], (order: ModelOrder) => boolean> = {
  cancelOrder: ({ ending, status }) => ending === null && status !== 'SHIPPED',
  confirmOrder: isOpenHold,
  extendHold: isOpenHold,
  shipOrder: ({ status }) => status === 'RESERVED' || status === 'PARTIALLY_SHIPPED',
  undoShipment: ({ lines }) => lines.some(({ shipped }) => shipped > 0),
  returnOrder: ({ lines }) => lines.some(({ shipped, returned }) => shipped > returned),
}

/** What a picked call is, of an order that is given or picked. */
export function verbOf(model: StockModel, picked: PickedVerb, given?: ModelOrder): VerbCall {
  const { verb, pick, isWhole, qtys, more, place, places, isDiscarded, off, caller, idempotencyKey } = picked
  const { holdSeconds, isWithin } = picked
  const order = given ?? pickFrom(model.orders, CAN[verb], pick)
  const expectedVersion = off === null ? null : order.version - off
  const call = { orderId: order.id, caller, idempotencyKey, expectedVersion }
  const mostOf = (line: ModelLine) => (verb === 'cancelOrder' && isWithin ? openOf(line) : Infinity)
  const all = order.lines.map((line, index) => ({ sku: line.sku, qty: Math.min(qtys[index]!, mostOf(line)) }))
  const parts = all.filter(({ qty }) => qty > 0)
  if (more) parts.push(more)
  switch (verb) {
    case 'cancelOrder':
      return { ...call, verb, lines: isWhole ? null : parts }
    case 'confirmOrder':
      return { ...call, verb }
    case 'extendHold':
      return { ...call, verb, holdSeconds }
    case 'shipOrder': {
      const lines = parts.map((part, index) => ({ ...part, location: places[index]! }))
      return { ...call, verb, lines: isWhole ? null : lines, location: place }
    }
    case 'undoShipment': {
      const own = model.shipments.filter(({ orderId }) => orderId === order.id)
      const { version, location } = own[pick % own.length] ?? { version: order.version, location: 'NOWHERE' }
      return { ...call, verb, shipment: { version, location } }
    }
    case 'returnOrder': {
      const disposition = isDiscarded ? ('DISCARD' as const) : ('RESTOCK' as const)
      return { ...call, verb, lines: parts.map((part) => ({ ...part, disposition })), location: place }
    }
  }
}
