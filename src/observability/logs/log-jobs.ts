import type { Logger } from 'pino'
import { traceIdOf } from '../../domain/origin.ts'
import type { JobRun } from '../../domain/upkeep/jobs.ts'

/** One line for each run of a job that failed. One that was left since the database is away has not. */
export function logJobs(logger: Logger): (run: JobRun) => void {
  return ({ task, outcome, durationMs, attempt, attemptsMax, orders, error }) => {
    if (error === undefined) return
    // of several, which have one caller each, their number tells; each that fails by itself has a line of its own
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
