import type { OrderLine } from './order-line.ts'
import type { Ending, FailureReason, OrderStatus } from './order-status.ts'

/** What becomes of what is short: suppliers are asked for it, the order waits for stock, or it fails. */
export const IF_SHORT = ['ASK_SUPPLIER', 'WAIT', 'FAIL'] as const
export type IfShort = (typeof IF_SHORT)[number]

/** One order, as all code above the database sees it. */
export type Order = {
  /** UUID v7: sorts by the time of creation. */
  id: string
  /** The customer it belongs to; null for nobody in particular. */
  customerId: string | null
  /** The shop's own number. */
  reference: string | null
  /** Where alone it may take from, in the order in which they were named; null for anywhere. */
  locations: readonly string[] | null
  ifShort: IfShort
  /** Of a hold: from then on it can no longer be confirmed. A hold that ended keeps it; null for a firm order. */
  expiresAt: Date | null
  /** One at least, in the order of the input; no SKU twice. */
  lines: readonly OrderLine[]
  /** What `statusOf` gives. */
  status: OrderStatus
  failureReason: FailureReason | null
  /** Whether its stock was looked at and found short. */
  lookedAt: boolean
  /** How it ended with nothing shipped; null while it is open, and once it is shipped. */
  ending: Ending | null
  version: number
  createdAt: Date
  updatedAt: Date
}

/** Lines of one order: more are a catalogue, not an order. */
export const ORDER_LINES_MAX = 100

/** Locations that one order may name: more would be better said by making others inactive. */
export const ORDER_LOCATIONS_MAX = 100

export const HOLD_SECONDS_MIN = 1
/** 31 days. */
export const HOLD_SECONDS_MAX = 2_678_400

/** Whether an order may be held for so long. */
export function isHoldTime(seconds: number): boolean {
  return Number.isInteger(seconds) && seconds >= HOLD_SECONDS_MIN && seconds <= HOLD_SECONDS_MAX
}
