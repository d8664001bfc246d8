/**
 * Work that a worker does later, with what it needs to find its order again. `task` is the task's identifier;
 * `delayMs` counts from the transaction, by the database's clock: servers whose clocks differ agree on it.
 */
export type Job =
  | { task: 'reserve-inventory'; payload: { orderId: string }; delayMs?: number }
  | {
      task: 'request-supplier' | 'check-supplier-status'
      payload: { orderId: string; step: number }
      delayMs?: number
    }

/** Every task, by its identifier. */
export const JOB_TASKS = [
  'reserve-inventory',
  'request-supplier',
  'check-supplier-status',
] as const satisfies readonly Job['task'][]

/** A run of a job that is over: done, or it threw and will be tried again, or it threw for the last time. */
export type JobRun = { task: string; outcome: 'done' | 'failed' | 'given-up'; durationMs: number }

/**
 * Tries of a job that throws, the first included. graphile-worker waits exp(n) s after the n-th: the eighth comes
 * 29 minutes after the first, so an order is in a final state within the hour whatever its job runs into.
 */
export const JOB_ATTEMPTS_MAX = 8
