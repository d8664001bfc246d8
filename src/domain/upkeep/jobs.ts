import type { Order } from '../orders/order.ts'
import type { Origin } from '../origin.ts'

/**
 * An order that a job is about, and where the work for it comes from, where that is known. `lines`: how many it has, where
 * those are more than one; batches are measured by them.
 */
export type OrderRef = { orderId: string; lines?: number | undefined; origin?: Origin | undefined }

/**
 * A job about one call to the supplier: `step` is the number that its request gave the call. Jobs that versions before 0.3
 * wrote have no `sku`: their orders have one line.
 */
export type SupplierJob = {
  task: 'request-supplier' | 'check-supplier-status'
  payload: OrderRef & { sku?: string | undefined; step: number }
  delayMs?: number
}

/**
 * Work that a worker does later. `task` is the task's identifier; `delayMs` counts from the transaction, by the database's
 * clock, which all processes share.
 */
export type Job =
  | { task: 'reserve-inventory'; payload: { orders: readonly OrderRef[] }; delayMs?: number }
  | SupplierJob
  | { task: 'serve-waiting'; payload: { sku: string }; delayMs?: number }
  /** Something of a webhook is due. What it is stands in its deliveries. */
  | { task: 'send-webhooks'; payload: { webhookId: string }; delayMs?: number }

export const JOB_TASKS = [
  'reserve-inventory',
  'serve-waiting',
  'request-supplier',
  'check-supplier-status',
  'send-webhooks',
] as const satisfies readonly Job['task'][]

/** Names an order in a job. */
export function orderRefOf(
  { id, lines }: Pick<Order, 'id'> & { lines: readonly unknown[] },
  origin?: Origin,
): OrderRef {
  return lines.length === 1 ? { orderId: id, origin } : { orderId: id, lines: lines.length, origin }
}

/** A job that reserves these orders. */
export function reservationJob(orders: readonly OrderRef[]): Job {
  return { task: 'reserve-inventory', payload: { orders } }
}

/** The orders that a job names: none if it serves whoever waits, or sends. */
export function ordersOf(payload: Job['payload']): readonly OrderRef[] {
  if ('orders' in payload) return payload.orders
  return 'orderId' in payload ? [payload] : []
}

/** A job that is about an order, as it stands in the queue. */
export type OrderJob = {
  id: string
  orderId: string
  task: string
  /** When it is due. */
  runAt: Date
  /** Tries so far. */
  attempts: number
  attemptsMax: number
  /** Of its last try; null if that went well, or there was none. */
  error: string | null
  /** Since when a worker has it; null while none has. */
  heldSince: Date | null
  /** The trace that the work goes back to: see `traceIdOf`. */
  traceId: string
}

export type JobTry = { task: Job['task']; attempt: number }

/**
 * A run of a job that is over. `failed`: it threw, and is retried while tries are left. `given-up`: its last try threw, and its
 * order is FAILED. A wait for an unavailable database is part of the run; a run that a stop interrupts does not count.
 */
export type JobRun = {
  task: string
  outcome: 'done' | 'failed' | 'given-up'
  durationMs: number
  attempt: number
  attemptsMax: number
  /** Empty if the payload cannot be read. */
  orders: readonly OrderRef[]
  error?: unknown
}

/**
 * Tries of a job that throws, the first included. graphile-worker waits exp(n) s after the n-th, so the eighth comes 29 minutes
 * after the first, and an order is final within the hour whatever its job's errors.
 */
export const JOB_ATTEMPTS_MAX = 8
