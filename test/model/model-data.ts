import type { IfShort } from '../../src/domain/orders/order.ts'
import type { FailureReason, OrderStatus } from '../../src/domain/orders/order-status.ts'
import type { SupplierOutcome } from '../../src/domain/supplier/supplier-policy.ts'
import type { SupplierRequestState } from '../../src/domain/supplier/supplier-request.ts'
import type { Kept } from './stock-keeping.ts'

// What a model knows, and what can be asked of it.

export type ModelLine = {
  sku: string
  qty: number
  reserved: number
  shipped: number
  cancelled: number
  returned: number
}

/** An order, with its whole history. */
export type ModelOrder = {
  id: string
  locations: string[] | null
  ifShort: IfShort
  /** Null for a firm order. One that ended keeps what it was. */
  hold: 'running' | 'past' | null
  lines: ModelLine[]
  status: OrderStatus
  failureReason: FailureReason | null
  lookedAt: boolean
  ending: 'CANCELLED' | 'EXPIRED' | 'FAILED' | null
  version: number
  /** What each line lost when the order failed the last time. */
  gaveUp: { sku: string; qty: number }[]
  events: { type: string; from: OrderStatus | null; to: OrderStatus; reason: FailureReason | null }[]
}

export type ModelRequest = {
  orderId: string
  sku: string
  qty: number
  state: SupplierRequestState
  ref: string | null
  step: number
  attempts: number
  rechecks: number
}

/** The only one that a version of an order made at a location. */
export type ModelShipment = {
  orderId: string
  version: number
  location: string
  lines: { sku: string; qty: number }[]
  isUndone: boolean
}

/** A job that waits to run. `step` and `sku` are null for the task that reserves: it alone may be about several orders. */
export type ModelJob = {
  task: string
  orderIds: string[]
  sku: string | null
  step: number | null
  delayMs: number
}

export type ModelFailure = {
  orderId: string
  task: string
  sku: string | null
  step: number | null
  error: string
  attempts: number
}
export type ModelLetter = ModelFailure & { retried: boolean }

export type ModelWish = {
  lines: { sku: string; qty: number }[]
  locations: string[] | null
  ifShort: IfShort
  holdSeconds: number | null
  idempotencyKey: string | null
  caller: string
}
export type ModelCall = { orderId: string; sku: string; step: number; outcome: SupplierOutcome }
export type ModelAdjustment = {
  sku: string
  location: string
  delta: number
  expectedAvailable: number | null
}

/** What a key stands for: the call that took it, and what that made. */
export type ModelKey = {
  verb: string
  input: string
  /** Null for a change of stock, which has `made` instead. */
  orderId: string | null
  shipments: ModelShipment[]
  made?: Kept
}

/** What an adjustment comes to: the code of its refusal, or the item after it, over all locations. */
export type Adjusted = { refused: string } | { available: number; reserved: number }

export function levelKey(sku: string, location: string): string {
  return `${sku} ${location}`
}

/** A caller's key, as the model and the database are compared by. */
export function keyOf(caller: string, key: string | null): string {
  return `${caller} ${key}`
}

/** What tells an order from another under the same key. */
export function inputOf({ lines, locations, ifShort, holdSeconds }: ModelWish): string {
  return JSON.stringify([lines, locations && [...new Set(locations)], ifShort, holdSeconds])
}

/** Whether an order may be held for so long: 31 days at the most. */
export function isHoldTime(seconds: number): boolean {
  return seconds >= 1 && seconds <= 2_678_400
}

/** Why no call may have such lines. */
export function refuseLines<Line extends { sku: string; qty: number }>(
  lines: readonly Line[],
  nameOf: (line: Line) => string,
): string | null {
  if (lines.length < 1 || lines.length > 100) return 'INVALID_LINES'
  for (const [index, line] of lines.entries()) {
    if (line.qty < 1 || line.qty > 1_000_000) return 'INVALID_QTY'
    if (lines.slice(0, index).some((earlier) => nameOf(earlier) === nameOf(line))) return 'DUPLICATE_SKU'
  }
  return null
}

export function openOf({ qty, shipped, cancelled }: ModelLine): number {
  return qty - shipped - cancelled
}

export function waitingOf(line: ModelLine): number {
  return openOf(line) - line.reserved
}

/** Whether an order is where no job has to follow. */
export function isFinal({ status }: ModelOrder): boolean {
  return status !== 'PENDING' && status !== 'AWAITING_RESTOCK'
}

/** Whether the supplier has yet to say its last word. */
export function isOpen({ state }: ModelRequest): boolean {
  return state === 'ASKED' || state === 'ACCEPTED'
}

export function statusOf({ lines, lookedAt }: ModelOrder, ending: ModelOrder['ending']): OrderStatus {
  const hasShipped = lines.some(({ shipped }) => shipped > 0)
  if (lines.every((line) => openOf(line) === 0)) return hasShipped ? 'SHIPPED' : ending!
  if (hasShipped) return 'PARTIALLY_SHIPPED'
  if (lines.every((line) => waitingOf(line) === 0)) return 'RESERVED'
  return lookedAt ? 'AWAITING_RESTOCK' : 'PENDING'
}

/** Whether an order was found short of a SKU, and still is. */
export function isShortOf(order: ModelOrder, sku: string): boolean {
  return isInLine(order) && order.lines.some((line) => line.sku === sku && waitingOf(line) > 0)
}

/** Whether an order waits in line: also with what was promised no more of one that was shipped in part. */
export function isInLine({ status, lines }: ModelOrder): boolean {
  const isLooked = status === 'AWAITING_RESTOCK' || status === 'PARTIALLY_SHIPPED'
  return isLooked && lines.some((line) => waitingOf(line) > 0)
}

/** Whether an order fails if its supplier does not deliver: not once it waits for any stock. */
export function isAskingFor(order: ModelOrder, sku: string): boolean {
  return order.status === 'AWAITING_RESTOCK' && order.ifShort === 'ASK_SUPPLIER' && isShortOf(order, sku)
}

export function reserves({ orderIds, step }: ModelJob, orderId: string): boolean {
  return step === null && orderIds.includes(orderId)
}

/** Whether it is the call that a request waits for: that of a step is the only one. */
export function isCallOf(
  { orderId, sku, step }: { orderId: string; sku: string | null; step: number | null },
  request: ModelRequest,
): boolean {
  return isOpen(request) && request.orderId === orderId && request.sku === sku && request.step === step
}

export function byText(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0
}
