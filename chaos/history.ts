/** What the clients did and were told about one order they wanted. A long run has some 100,000: each is kept small. */
export type Intent = {
  /** Null: sent once and never again, as nobody could tell a repeat from another order. */
  key: string | null
  sku: string
  qty: number
  /** What has to come of it. */
  expected: 'an order' | 'UNKNOWN_SKU' | 'INVALID_QTY'
  /** Each order it was answered with, once: never more than one. */
  ids: string[]
  /** The newest state that an answer had. */
  version: number
  status: string | undefined
  refusals: string[]
  /** Calls that came to no definite answer. */
  doubtful: number
}

type Adjustment = {
  reason: string
  sku: string
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
  isDone: boolean
}

/** The clients' own memory of a run, to hold against the database at its end. */
export type History = {
  intents: Intent[]
  adjustments: Adjustment[]
  views: View[]
}

export function createIntent(wanted: Pick<Intent, 'key' | 'sku' | 'qty' | 'expected'>): Intent {
  return { ...wanted, ids: [], version: 0, status: undefined, refusals: [], doubtful: 0 }
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
