import type { JobRun } from '../domain/jobs.ts'
import { traceIdOf } from '../domain/trace.ts'
import type { Logger } from './logger.ts'

/** One line for each run of a job that failed. One that was left since the database is away has not. */
export function logJobs(logger: Logger): (run: JobRun) => void {
  return ({ task, outcome, durationMs, attempt, attemptsMax, orderId, origin, error }) => {
    if (error === undefined) return
    logger.error(
      {
        err: error,
        task,
        outcome,
        ms: Math.round(durationMs),
        attempt,
        attemptsMax,
        orderId,
        caller: origin?.caller,
        requestId: origin?.requestId,
        traceId: orderId && traceIdOf({ id: orderId }, origin),
      },
      'job failed',
    )
  }
}
