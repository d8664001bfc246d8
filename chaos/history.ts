/** What the clients did and were told about one order they wanted. */
export type Intent = {
  /** Null: sent once and never again, as nobody could tell a repeat from another order. */
  key: string | null
  sku: string
  qty: number
  /** What has to come of it. */
  expected: 'an order' | 'UNKNOWN_SKU' | 'INVALID_QTY'
  /** Ids of orders it was answered with: never more than one. */
  ids: Set<string>
  /** Newest version that an answer had. */
  version: number
  refusals: Set<string>
  /** Calls that were sent, and those of them that came to no definite answer. */
  calls: number
  doubtful: number
}

type Adjustment = {
  reason: string
  sku: string
  delta: number
  outcome: 'done' | 'refused' | 'doubtful'
}

/** What a watcher saw, whatever it was connected to. */
export type View = {
  orderId: string
  seen: { version: number; status: string }[]
  connections: number
  isDone: boolean
}

/** The clients' own memory of a run, to hold against the database at its end. */
export type History = {
  intents: Intent[]
  adjustments: Adjustment[]
  views: View[]
}

export function createIntent(wanted: Pick<Intent, 'key' | 'sku' | 'qty' | 'expected'>): Intent {
  return { ...wanted, ids: new Set(), version: 0, refusals: new Set(), calls: 0, doubtful: 0 }
}

export function isSettled({ ids, refusals }: Intent): boolean {
  return ids.size + refusals.size > 0
}
