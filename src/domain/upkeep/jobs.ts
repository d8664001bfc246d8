import type { Origin } from '../origin.ts'

/** An order that a job is about, with the origin of the work, if known. */
export type OrderRef = { orderId: string; origin?: Origin | undefined }

/** A job for one supplier call. `step` is the call's number in the order. */
export type SupplierJob = {
  task: 'request-supplier' | 'check-supplier-status'
  payload: OrderRef & { step: number }
  delayMs?: number
}

/**
 * Work that a worker does later. `task` is the task's identifier; `delayMs` counts from the transaction, by the database's
 * clock, which all processes share.
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
