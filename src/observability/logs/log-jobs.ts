import type { Logger } from 'pino'
import { traceIdOf } from '../../domain/origin.ts'
import type { JobRun } from '../../domain/upkeep/jobs.ts'

/** Logs each failed run of a job. A wait for an unavailable database is not a failure. */
export function logJobs(logger: Logger): (run: JobRun) => void {
  return ({ task, outcome, durationMs, attempt, attemptsMax, orders, error }) => {
    if (error === undefined) return
    // several orders have several callers, so only their number is logged; each that fails by itself gets its own line
    const { orderId, origin } = orders.length === 1 ? orders[0]! : {}
    logger.error(
      {
        err: error,
        task,
        outcome,
        ms: Math.round(durationMs),
        attempt,
        attemptsMax,
        orders: orders.length,
        orderId,
        caller: origin?.caller,
        requestId: origin?.requestId,
        traceId: orderId === undefined ? undefined : traceIdOf({ id: orderId }, origin),
      },
      'job failed',
    )
  }
}
