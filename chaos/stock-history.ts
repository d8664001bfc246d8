export const STOCK_VERBS = [
  'receiveInventory',
  'transferInventory',
  'adjustInventories',
  'countInventory',
] as const
export type StockVerb = (typeof STOCK_VERBS)[number]

/** What is asked of one SKU. */
export type StockRow = {
  sku: string
  /** What comes in, goes from one location to another, is added, or was counted. */
  qty: number
  /** Of `adjustInventories`: what the client believes to be available; null for whatever is. */
  expectedAvailable?: number | null
  /** Of `countInventory`: the movement that its sheet knew; null for now. */
  asOf?: string | null
}

/** A movement as an answer had it. */
export type ToldMovement = { id: string; sku: string; delta: number; onHandAfter: number }

/** What an answer said: what came of each row, of a transfer of each way of a row, and which orders wait again. */
export type StockAnswer = {
  results: { movement: ToldMovement | null; code: string | null }[]
  unreserved: string[]
}

/** What the clients did and were told about one change of stock. */
export type StockDeed = {
  verb: StockVerb
  /** What it is known by in the ledger: the reason of its movements. */
  tag: string
  /** The tag; null: sent once and never again. */
  key: string | null
  /** Where, or from where. */
  location: string
  /** Of `transferInventory`. */
  to: string | null
  rows: readonly StockRow[]
  errorPolicy: 'ALL_OR_NOTHING' | 'SKIP_FAILED'
  /** Of `countInventory`. */
  onShortfall: 'REFUSE' | 'UNRESERVE_NEWEST'
  /** What the first answer said by which it is done; undefined while none has. */
  answer: StockAnswer | undefined
  refusals: string[]
  /** Calls that came to no definite answer, and whether a definite one came after the last of them. */
  doubtful: number
  isSettled: boolean
}

/** Rules of a SKU as a client set them. What is left out stays as it was. */
export type SentRules = {
  sku: string
  location: string
  safetyStock?: number
  lowStockAt?: number
  /** Whether an answer said that they are set. */
  isDone: boolean
  /** Whether nothing else was sent behind them, and they were sent until they were answered. */
  isLast: boolean
}

export type FileRow = {
  line: number
  sku: string
  location: string
  /** As the cell has it: what is added, or was counted. */
  cell: string
  /** Whether it has to be refused whatever there is. */
  isWrong: boolean
}

/** What an import answered. */
export type FileReport = {
  complete: boolean
  repeated: boolean
  rows: number
  changed: number
  unchanged: number
  skipped: number
  refused: number
  refused_rows: readonly { line: number; sku: string; code: string; message: string }[]
}

/** A file that was sent until all of it was imported. */
export type SentFile = {
  /** The reason of its rows; the reference of each is its line. */
  tag: string
  /** Null: it is known by what is in it. */
  key: string | null
  kind: 'delta' | 'counted'
  rows: readonly FileRow[]
  /** The first that said it is complete. */
  report: FileReport | undefined
  tries: number
}

/** A change as a stream told it. */
export type ToldChange = {
  movementId: number
  /** `<SKU> at <location>` */
  level: string
  /** Thresholds, sorted, with commas between. */
  crossed: string
}

/** What one reader of the stream was told, on all its connections together. It began before the first movement. */
export type StreamView = { reader: string; changes: ToldChange[]; connections: number }

export function createStockDeed(
  wanted: Pick<StockDeed, 'verb' | 'tag' | 'location' | 'rows'> &
    Partial<Pick<StockDeed, 'key' | 'to' | 'errorPolicy' | 'onShortfall'>>,
): StockDeed {
  return {
    key: wanted.tag,
    to: null,
    errorPolicy: 'ALL_OR_NOTHING',
    onShortfall: 'REFUSE',
    ...wanted,
    answer: undefined,
    refusals: [],
    doubtful: 0,
    isSettled: false,
  }
}
