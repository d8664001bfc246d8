import type { Origin } from '../origin.ts'

/** An order that a job is about, and where the work for it comes from, where that is known. */
export type OrderRef = { orderId: string; origin?: Origin | undefined }

/** A job about one call to the supplier: `step` is the number that the order gave the call. */
export type SupplierJob = {
  task: 'request-supplier' | 'check-supplier-status'
  payload: OrderRef & { step: number }
  delayMs?: number
}

/**
 * Work that a worker does later. `task` is the task's identifier; `delayMs` counts from the transaction, by the
 * database's clock: servers whose clocks differ agree on it.
 */
export type Job =
  | { task: 'reserve-inventory'; payload: { orders: readonly OrderRef[] }; delayMs?: number }
  | SupplierJob

export const JOB_TASKS = [
  'reserve-inventory',
  'request-supplier',
  'check-supplier-status',
] as const satisfies readonly Job['task'][]

export function reservationJob(orders: readonly OrderRef[]): Job {
  return { task: 'reserve-inventory', payload: { orders } }
}

export function ordersOf(payload: Job['payload']): readonly OrderRef[] {
  return 'orders' in payload ? payload.orders : [payload]
}

export type JobTry = { task: Job['task']; attempt: number }

/**
 * A run of a job that is over: done, or it threw and is tried again while it has attempts, or it threw for the last time and
 * its order is ended. One that finds the database away goes on when that is back; cut short by a stop, it is none.
 */
export type JobRun = {
  task: string
  outcome: 'done' | 'failed' | 'given-up'
  durationMs: number
  attempt: number
  attemptsMax: number
  /** None where its payload cannot be read. */
  orders: readonly OrderRef[]
  error?: unknown
}

/**
 * Tries of a job that throws, the first included. graphile-worker waits exp(n) s after the n-th: the eighth comes
 * 29 minutes after the first, so an order is in a final state within the hour whatever its job runs into.
 */
export const JOB_ATTEMPTS_MAX = 8
