/** What there is of one SKU: `available` to promise, `reserved` for orders. On hand are both together. */
export type InventoryItem = {
  sku: string
  name: string
  available: bigint
  reserved: bigint
}

export const MOVEMENT_TYPES = ['RECEIPT', 'ADJUSTMENT', 'RESERVATION', 'SUPPLIER_RECEIPT'] as const
type MovementType = (typeof MOVEMENT_TYPES)[number]

/** One change of what is available, as the ledger keeps it. */
export type InventoryMovement = {
  id: bigint
  sku: string
  type: MovementType
  delta: number
  availableAfter: bigint
  orderId: string | null
  reason: string | null
  actor: string | null
  createdAt: Date
}

export type StockChange = Pick<InventoryMovement, 'sku' | 'type' | 'delta' | 'availableAfter' | 'orderId'>

/** What movements that are written together have in common: when, and of an operator's also who and why. */
export type StockChangeNote = Pick<InventoryMovement, 'createdAt'> &
  Partial<Pick<InventoryMovement, 'reason' | 'actor'>>

/** Room for many such receipts in a 32-bit delta and a 53-bit total. */
export const INITIAL_AVAILABLE_MAX = 2_000_000_000
/** The largest whole number that JSON carries exactly. */
export const AVAILABLE_MAX = BigInt(Number.MAX_SAFE_INTEGER)
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

/** Whether a movement can have this id, as callers write it. */
export function isMovementId(text: string): boolean {
  return /^[1-9]\d{0,18}$/.test(text) && BigInt(text) <= MOVEMENT_ID_MAX
}
