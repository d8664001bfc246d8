/** What there is of one SKU over all locations: `available` to promise, `reserved` for orders. On hand are both together. */
export type InventoryItem = {
  sku: string
  name: string
  available: bigint
  reserved: bigint
}

/** What there is of one SKU at one location. */
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
  /** A document of the caller's. */
  reference: string | null
  actor: string | null
  createdAt: Date
}

/** A change of a level, with what it leaves there: what is to be written as a movement. */
export type StockChange = StockMove & { availableAfter: bigint; reservedAfter: bigint }

/** What is to be done to a level, whatever is there. */
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

/** Why a movement was made that no order caused, by which document, and by whom. */
type MoveNote = { reason?: string | null; reference?: string | null; actor?: string | null }

/**
 * What movements that are written together have in common: when, and of an operator's also who and why, as far as they do not
 * say so themselves.
 */
export type StockChangeNote = Pick<InventoryMovement, 'createdAt'> & MoveNote

/** What of a level a new order can get. */
export function promisableAt({
  available,
  safetyStock,
}: Pick<StockLevel, 'available' | 'safetyStock'>): bigint {
  return available > safetyStock ? available - safetyStock : 0n
}

/** Makes the move of a quantity at a level. `version`: that of the order that it makes; null if it makes none. */
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
 * Follows moves, one after the other, from the levels as they are before.
 *
 * @param levels one at least for each SKU and location that is moved
 * @returns each move with what it leaves, in their order
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

/** Returns levels as changes of them leave them. */
export function levelsAfter(levels: readonly StockLevel[], changes: readonly StockChange[]): StockLevel[] {
  const last = new Map(changes.map((change) => [`${change.sku} ${change.location}`, change]))
  return levels.map((level) => {
    const change = last.get(`${level.sku} ${level.location}`)
    return change ? { ...level, available: change.availableAfter, reserved: change.reservedAfter } : level
  })
}

/** The SKUs of which moves leave more available than before at a location: somebody who waits may fit. */
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
 * Whether there can be so many pieces more of a SKU: what is on hand at all locations together is a number that JSON carries.
 *
 * @param levels every one of the SKU
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
 * Whether an item can have this SKU. Anywhere but at an item's creation, one that cannot is simply unknown, and is never
 * asked of the database: a zero byte there is an error, not an unknown SKU.
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

/** Whether callers may name this as the movement that they know last: the id of one, or `0` for none. */
export function isLastKnownMovement(text: string): boolean {
  return text === '0' || isMovementId(text)
}

/** Whether a movement can have this id, as callers write it. */
export function isMovementId(text: string): boolean {
  return /^[1-9]\d{0,18}$/.test(text) && BigInt(text) <= MOVEMENT_ID_MAX
}
