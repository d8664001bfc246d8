/**
 * A quantity of one SKU in an order. Of every piece one of four things is true at any time:
 * qty = reserved + waiting + shipped + cancelled. `waitingOf` gives what is left of the others.
 */
export type OrderLine = {
  sku: string
  /** As ordered. */
  qty: number
  reserved: number
  shipped: number
  /** Given up: by a cancellation, by expiry, or because the order failed. */
  cancelled: number
  /** Of those shipped. */
  returned: number
}

export const QTY_MIN = 1
/** Keeps a million lines of one SKU within the 2^53 that JSON carries exactly. */
export const QTY_MAX = 1_000_000

/** Whether a line may ask for this many pieces. */
export function isQty(value: number): boolean {
  return Number.isInteger(value) && value >= QTY_MIN && value <= QTY_MAX
}

/** Pieces that are not reserved yet. */
export function waitingOf({ qty, reserved, shipped, cancelled }: OrderLine): number {
  return qty - reserved - shipped - cancelled
}

/** Pieces that may still be shipped or cancelled. */
export function openOf({ qty, shipped, cancelled }: OrderLine): number {
  return qty - shipped - cancelled
}
