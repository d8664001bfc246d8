/** Stock of one SKU over all locations: `available` to promise, `reserved` for orders. On hand is the sum of both. */
export type InventoryItem = {
  sku: string
  name: string
  available: bigint
  reserved: bigint
}

/** Stock of one SKU at one location. */
export type StockLevel = {
  sku: string
  location: string
  available: bigint
  reserved: bigint
  /** Part of `available` that is never promised. */
  safetyStock: bigint
}

/** What a movement of one piece does to `available` and to `reserved`: the one list of the types of movements. */
const EFFECTS = {
  RECEIPT: [1, 0],
  SUPPLIER_RECEIPT: [1, 0],
  ADJUSTMENT: [1, 0],
  RESERVATION: [-1, 1],
  RELEASE: [1, -1],
  SHIPMENT: [0, -1],
  SHIPMENT_UNDONE: [0, 1],
  RETURN: [1, 0],
  TRANSFER_OUT: [-1, 0],
  TRANSFER_IN: [1, 0],
  COUNT: [1, 0],
} as const

export type MovementType = keyof typeof EFFECTS

export const MOVEMENT_TYPES = Object.keys(EFFECTS) as [MovementType, ...MovementType[]]

/** One change of a level, as the ledger keeps it. */
export type InventoryMovement = StockChange & {
  id: bigint
  reason: string | null
  /** The caller's document, such as a delivery note. */
  reference: string | null
  actor: string | null
  createdAt: Date
}

/** A change of a level with the quantities after it, to be written as a movement. */
export type StockChange = StockMove & { availableAfter: bigint; reservedAfter: bigint }

/** A change to make to a level, whatever its quantities. */
export type StockMove = {
  sku: string
  location: string
  type: MovementType
  /** What it adds to `available`. */
  delta: number
  reservedDelta: number
  /** The order that it is for, and the version of the order that it made; null where it made none. */
  orderId: string | null
  orderVersion: number | null
  shipmentId: string | null
} & MoveNote

/** Reason, document and actor of a movement that no order caused. */
type MoveNote = { reason?: string | null; reference?: string | null; actor?: string | null }

/** Time of movements that are written together, and their reason, document and actor unless a movement has its own. */
export type StockChangeNote = Pick<InventoryMovement, 'createdAt'> & MoveNote

/** Returns the quantity of a level that can be promised to a new order. */
export function promisableAt({
  available,
  safetyStock,
}: Pick<StockLevel, 'available' | 'safetyStock'>): bigint {
  return available > safetyStock ? available - safetyStock : 0n
}

/** Returns the move of a quantity at a level. `version`: the order's version that it creates; null for none. */
export function stockMove(
  type: MovementType,
  { sku, location, qty }: { sku: string; location: string; qty: number },
  { orderId = null, version = null, shipmentId = null }: StockMoveCause = {},
): StockMove {
  const [available, reserved] = EFFECTS[type]
  return {
    sku,
    location,
    type,
    delta: available * qty,
    reservedDelta: reserved * qty,
    orderId,
    orderVersion: version,
    shipmentId,
  }
}

type StockMoveCause = { orderId?: string | null; version?: number | null; shipmentId?: string | null }

/**
 * Applies moves one after the other.
 *
 * @param levels as they are before; every level that is moved
 * @returns each move with the quantities after it, in their order
 * @throws {Error} for a move at a level that was not given: a bug in the caller
 */
export function followMoves(levels: readonly StockLevel[], moves: readonly StockMove[]): StockChange[] {
  const levelsOf = Map.groupBy(
    levels.map(({ sku, location, available, reserved }) => ({ sku, location, available, reserved })),
    ({ sku }) => sku,
  )
  return moves.map((move) => {
    const level = levelsOf.get(move.sku)?.find(({ location }) => location === move.location)
    if (!level) throw new Error(`No stock level for SKU ${move.sku} at ${move.location}`)
    level.available += BigInt(move.delta)
    level.reserved += BigInt(move.reservedDelta)
    return { ...move, availableAfter: level.available, reservedAfter: level.reserved }
  })
}

/** Returns levels after changes. */
export function levelsAfter(levels: readonly StockLevel[], changes: readonly StockChange[]): StockLevel[] {
  const last = new Map(changes.map((change) => [`${change.sku} ${change.location}`, change]))
  return levels.map((level) => {
    const change = last.get(`${level.sku} ${level.location}`)
    return change ? { ...level, available: change.availableAfter, reserved: change.reservedAfter } : level
  })
}

/** Returns the SKUs with more available at some location than before the moves: waiting orders may fit. */
export function raisedBy(moves: readonly StockMove[]): string[] {
  const net = new Map<string, number>()
  for (const { sku, location, delta } of moves) {
    const key = `${sku} ${location}`
    net.set(key, (net.get(key) ?? 0) + delta)
  }
  const raised = [...net].flatMap(([key, delta]) => (delta > 0 ? [key.split(' ')[0]!] : []))
  return [...new Set(raised)]
}

/** Room for many such receipts in a 32-bit delta and a 53-bit total. */
export const INITIAL_AVAILABLE_MAX = 2_000_000_000
/** The most that a movement's 32-bit delta holds. */
export const DELTA_MAX = 2_147_483_647
/** The largest whole number that JSON carries exactly. */
export const AVAILABLE_MAX = BigInt(Number.MAX_SAFE_INTEGER)

/**
 * Whether a SKU has room for more pieces: on hand over all locations stays within AVAILABLE_MAX.
 *
 * @param levels every level of the SKU
 */
export function hasRoomFor(
  levels: Iterable<Pick<StockLevel, 'available' | 'reserved'>>,
  qty: number,
): boolean {
  let onHand = BigInt(qty)
  for (const { available, reserved } of levels) onHand += available + reserved
  return onHand <= AVAILABLE_MAX
}

/** A name fits a line of a packing list. */
export const NAME_LENGTH_MAX = 200
/** A reason is a sentence, not a document. */
export const REASON_LENGTH_MAX = 500

const SKU = /^[A-Za-z0-9._-]{1,64}$/

/**
 * Whether a text is a valid SKU. Only the creation of an item refuses an invalid one; everywhere else it is unknown, without a
 * query: PostgreSQL would fail on a zero byte.
 */
export function isSku(value: string): boolean {
  return SKU.test(value)
}

/** What cursors call a SKU's ledger. */
export function ledgerOf(sku: string): string {
  return `movements:${sku}`
}

/** Ids are a bigint's positive half. */
const MOVEMENT_ID_MAX = 2n ** 63n - 1n

/** Whether a text can name the last movement that a caller knows: a movement's id, or `0` for none. */
export function isLastKnownMovement(text: string): boolean {
  return text === '0' || isMovementId(text)
}

/** Whether a text is a valid movement id. */
export function isMovementId(text: string): boolean {
  return /^[1-9]\d{0,18}$/.test(text) && BigInt(text) <= MOVEMENT_ID_MAX
}
