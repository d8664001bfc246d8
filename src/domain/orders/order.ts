import type { Origin } from '../origin.ts'
import type { DeadLetter } from '../upkeep/dead-letter.ts'
import type { JobTry } from '../upkeep/jobs.ts'
import type { Ending, FailureReason, OrderEventType, OrderStatus } from './order-status.ts'

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

export const QTY_MIN = 1
/** Keeps a million lines of one SKU within the 2^53 that JSON carries exactly. */
export const QTY_MAX = 1_000_000

/** Whether a line may ask for this many pieces. */
export function isQty(value: number): boolean {
  return Number.isInteger(value) && value >= QTY_MIN && value <= QTY_MAX
}

export const HOLD_SECONDS_MIN = 1
/** 31 days. */
export const HOLD_SECONDS_MAX = 2_678_400

/** Whether an order may be held for so long. */
export function isHoldTime(seconds: number): boolean {
  return Number.isInteger(seconds) && seconds >= HOLD_SECONDS_MIN && seconds <= HOLD_SECONDS_MAX
}

/** Pieces that are not reserved yet. */
export function waitingOf({ qty, reserved, shipped, cancelled }: OrderLine): number {
  return qty - reserved - shipped - cancelled
}

/** Pieces that may still be shipped or cancelled. */
export function openOf({ qty, shipped, cancelled }: OrderLine): number {
  return qty - shipped - cancelled
}

/** A quantity that an event was about. */
export type EventLine = {
  sku: string
  qty: number
  /** The pieces that a short line lacked. */
  missing?: number
  location?: string
}

/** One change of one order: the state that it left, and the order as it stands after it. */
export type OrderEvent = {
  type: OrderEventType
  from: OrderStatus | null
  /** What it was about; null for the whole order. */
  lines: readonly EventLine[] | null
  order: Order
  /** The caller who asked for it; null if nobody did. */
  actor: string | null
  note: string | null
  /** Where the work comes from that moved it, where that is known. */
  origin: Origin | undefined
  /** The run of a job that moved it; undefined where a caller did. */
  job?: JobTry | undefined
  /** What an order that was given up leaves for an operator. */
  deadLetter?: DeadLetter | undefined
}
