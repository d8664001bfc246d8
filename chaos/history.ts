import type { SentFile, SentRules, StockDeed, StreamView } from './stock-history.ts'

export type Line = { sku: string; qty: number }

/** What the clients did and were told about one order they wanted. A long run has some 100,000: each is kept small. */
export type Intent = {
  /** Null: sent once and never again, as nobody could tell a repeat from another order. */
  key: string | null
  lines: readonly Line[]
  locations: readonly string[] | null
  ifShort: 'ASK_SUPPLIER' | 'WAIT' | 'FAIL'
  /** Null: it is no hold. */
  holdSeconds: number | null
  /** What has to come of it. */
  expected: 'an order' | 'UNKNOWN_SKU' | 'INVALID_QTY' | 'DUPLICATE_SKU' | 'UNKNOWN_LOCATION'
  /** Each order it was answered with, once: never more than one. */
  ids: string[]
  /** The newest state that an answer had. */
  version: number
  status: string | undefined
  refusals: string[]
  /** Calls that came to no definite answer. */
  doubtful: number
}

export const VERBS = [
  'cancelOrder',
  'shipOrder',
  'undoShipment',
  'returnOrder',
  'confirmOrder',
  'extendHold',
] as const
export type Verb = (typeof VERBS)[number]

/** What a shipment is to clients. */
type ToldShipment = { id: string; lines: readonly Line[] }

/** What the clients did and were told about one change of an order. */
export type Deed = {
  verb: Verb
  /** What the change is known by in the order's history: its note, or the reference of its shipments. */
  tag: string
  /** The tag; null: sent once and never again. */
  key: string | null
  orderId: string
  /** Of `undoShipment`. */
  shipmentId: string | undefined
  /** Null: all that can be. */
  lines: readonly (Line & { disposition?: 'RESTOCK' | 'DISCARD' })[] | null
  location: string | null
  /** Of `extendHold`. */
  holdSeconds: number | undefined
  expectedVersion: number | null
  /** Whether an answer said that it is done. */
  isDone: boolean
  /** Shipments that answers said it has made. */
  shipments: readonly ToldShipment[]
  refusals: string[]
  /** Calls that came to no definite answer, and whether a refusal came after the last of them once all was calm. */
  doubtful: number
  isSettled: boolean
}

type Adjustment = {
  reason: string
  sku: string
  location: string
  delta: number
  outcome: 'done' | 'refused' | 'doubtful'
}

export type SeenState = { version: number; status: string }

/** What a watcher saw on one connection. */
export type Connection = {
  /** What it asked for: versions above this one. */
  afterVersion: number
  /** The newest version that the watcher had seen when it connected. */
  known: number
  seen: SeenState[]
}

/** What a watcher saw of one order. */
export type View = {
  orderId: string
  /** Those that brought something. */
  connections: Connection[]
  /** How many there were. */
  tries: number
  /** Whether it has ended with the order, or its watcher has seen enough. The others must have seen the newest version. */
  end: 'with the order' | 'by its watcher' | undefined
}

/** The clients' own memory of a run, to hold against the database at its end. */
export type History = {
  /** What there was of each SKU, over all locations, before anybody ordered. */
  stock: Map<string, number>
  intents: Intent[]
  deeds: Deed[]
  adjustments: Adjustment[]
  stockDeeds: StockDeed[]
  rules: SentRules[]
  files: SentFile[]
  views: View[]
  streams: StreamView[]
}

export function createHistory(): History {
  return {
    stock: new Map(),
    intents: [],
    deeds: [],
    adjustments: [],
    stockDeeds: [],
    rules: [],
    files: [],
    views: [],
    streams: [],
  }
}

export function createIntent(
  wanted: Pick<Intent, 'key' | 'lines' | 'locations' | 'expected'> &
    Partial<Pick<Intent, 'ifShort' | 'holdSeconds'>>,
): Intent {
  const usual = { ifShort: 'ASK_SUPPLIER', holdSeconds: null } as const
  return { ...usual, ...wanted, ids: [], version: 0, status: undefined, refusals: [], doubtful: 0 }
}

export function createDeed(
  wanted: Pick<Deed, 'verb' | 'tag' | 'orderId'> &
    Partial<Pick<Deed, 'key' | 'shipmentId' | 'lines' | 'location' | 'holdSeconds' | 'expectedVersion'>>,
): Deed {
  return {
    key: wanted.tag,
    shipmentId: undefined,
    lines: null,
    location: null,
    holdSeconds: undefined,
    expectedVersion: null,
    ...wanted,
    isDone: false,
    shipments: [],
    refusals: [],
    doubtful: 0,
    isSettled: false,
  }
}

export function isSettled({ ids, refusals }: Intent): boolean {
  return ids.length + refusals.length > 0
}

/** The newest version that a watcher has seen. */
export function newestSeen({ connections }: View): SeenState | undefined {
  return connections
    .flatMap(({ seen }) => seen)
    .reduce<SeenState | undefined>(
      (one, other) => (one && one.version >= other.version ? one : other),
      undefined,
    )
}
