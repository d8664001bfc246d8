import type { Origin } from './origin.ts'

/**
 * Work that a worker does later, with what it needs to find its order again, and where it comes from where that is known.
 * `task` is the task's identifier; `delayMs` counts from the transaction, by the database's clock: servers whose clocks
 * differ agree on it.
 */
export type Job =
  | { task: 'reserve-inventory'; payload: { orderId: string; origin?: Origin | undefined }; delayMs?: number }
  | {
      task: 'request-supplier' | 'check-supplier-status'
      payload: { orderId: string; step: number; origin?: Origin | undefined }
      delayMs?: number
    }

/** Every task, by its identifier. */
export const JOB_TASKS = [
  'reserve-inventory',
  'request-supplier',
  'check-supplier-status',
] as const satisfies readonly Job['task'][]

/** The job, as one that comes from where the work before it came from. */
export function withOrigin<AJob extends Job>(job: AJob, origin: Origin | undefined): AJob {
  return origin ? { ...job, payload: { ...job.payload, origin } } : job
}

/** A job while it runs. */
export type JobUnderWay = {
  task: string
  orderId: string
  /** The try that it is on, from 1. */
  attempt: number
  origin: Origin | undefined
}

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
  /** Undefined where its payload tells of no order. */
  orderId: string | undefined
  origin: Origin | undefined
  /** What it threw. */
  error?: unknown
}

/**
 * Tries of a job that throws, the first included. graphile-worker waits exp(n) s after the n-th: the eighth comes
 * 29 minutes after the first, so an order is in a final state within the hour whatever its job runs into.
 */
export const JOB_ATTEMPTS_MAX = 8
