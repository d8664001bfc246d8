import type { FailureReason, OrderStatus } from './order-status.ts'

/** One order of a quantity of one SKU, as all code above the database sees it. */
export type Order = {
  /** UUID v7: sorts by the time of creation. */
  id: string
  /** The customer it belongs to; null for nobody in particular. */
  customerId: string | null
  sku: string
  qty: number
  status: OrderStatus
  failureReason: FailureReason | null
  /** The supplier's reference for what it will deliver. */
  supplierRef: string | null
  /** Number of the scheduled supplier call: a call with another number does nothing. */
  supplierStep: number
  /** Transport errors in a row. */
  supplierAttempts: number
  /** Answers of "delayed". */
  supplierRechecks: number
  version: number
  createdAt: Date
  updatedAt: Date
}

export const QTY_MIN = 1
/** Keeps a million orders of one SKU within the 2^53 that JSON carries exactly. */
export const QTY_MAX = 1_000_000

/** Whether an order may ask for this many pieces. */
export function isQty(value: number): boolean {
  return Number.isInteger(value) && value >= QTY_MIN && value <= QTY_MAX
}
