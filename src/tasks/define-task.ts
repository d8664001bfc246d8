import type { JobHelpers, Task } from 'graphile-worker'
import type { z } from 'zod'
import type { App } from '../app.ts'
import { retryWhileUnavailable } from '../database/retry-while-unavailable.ts'
import { isUnavailable } from '../database/unavailable.ts'
import type { DeadLetter } from '../domain/dead-letter.ts'
import type { Job, JobRun, JobUnderWay } from '../domain/jobs.ts'
import type { Supplier } from '../supplier/contract.ts'
import { failOrders } from '../use-cases/fail-orders.ts'
import type { Backlog } from './backlog.ts'

/** What tasks work with. They alone have the supplier: no use-case waits for the network. */
export type TaskContext = { app: App; supplier: Supplier; backlog: Backlog }

/** A task of graphile-worker, once it has something to work with. */
export type TaskOf = (context: TaskContext) => Task

/**
 * Makes a task about one order: its payload meets its schema, and an order whose job fails for the last time is ended.
 *
 * A job that finds the database away is not to blame for it. It keeps its attempt, waits and runs again.
 *
 * @param run must be harmless when it runs again: a job runs at least once
 */
export function defineTask<Payload extends Job['payload']>(
  schema: z.ZodType<Payload>,
  run: (context: TaskContext, payload: Payload, job: JobUnderWay) => Promise<void>,
): TaskOf {
  return (context) =>
    async (rawPayload, { job, abortSignal }) => {
      const { app } = context
      const { task_identifier: task, attempts: attempt, max_attempts: attemptsMax } = job
      const startedAtMs = performance.now()
      let underWay: JobUnderWay | undefined
      const report = (ending: Ending) => {
        const durationMs = performance.now() - startedAtMs
        const about = { orderId: underWay?.orderId, origin: underWay?.origin }
        app.onJobRun({ task, durationMs, attempt, attemptsMax, ...about, ...ending })
      }

      const runOnce = async () => {
        const payload = schema.parse(rawPayload)
        underWay ??= { task, orderId: payload.orderId, attempt, origin: payload.origin }
        const about = underWay
        app.jobsUnderWay.begin(about)
        return runOrGiveUp(
          app,
          about,
          () => run(context, payload, about),
          attempt < attemptsMax ? undefined : (error) => giveUp(app, job, payload, error),
        )
      }

      let ending: Ending
      try {
        ending = await retryWhileUnavailable(runOnce, {
          signal: abortSignal,
          onUnavailable: (error) =>
            app.logger.debug({ err: error, task, job: job.id }, 'a job waits for the database'),
        })
      } catch (error) {
        // graphile-worker would count an attempt: whoever retires this worker gives the job back, with its attempt
        if (isUnavailable(error)) return new Promise(() => {})
        report({ outcome: 'failed', error })
        throw error
      } finally {
        if (underWay) app.jobsUnderWay.end(underWay)
      }
      report(ending)
    }
}

/** What a run of a job came to. */
type Ending = Pick<JobRun, 'outcome' | 'error'>

/**
 * Does the work of a job, and gives the job up where that fails; both in its span, which is that of a job that failed.
 *
 * @param giveUp undefined where the job will be tried again
 * @throws what the work throws that was not given up for, and what giving up throws
 */
async function runOrGiveUp(
  { tracing }: App,
  job: JobUnderWay,
  work: () => Promise<void>,
  giveUp: ((error: unknown) => Promise<void>) | undefined,
): Promise<Ending> {
  let isGivenUp = false
  const run = async () => {
    try {
      await work()
    } catch (error) {
      if (!giveUp || isUnavailable(error)) throw error
      await giveUp(error)
      isGivenUp = true
      throw error
    }
  }
  try {
    await (tracing ? tracing.job(job, run) : run())
    return { outcome: 'done' }
  } catch (error) {
    if (!isGivenUp) throw error
    return { outcome: 'given-up', error }
  }
}

/** Ends the order of a job that has failed for the last time. */
async function giveUp(
  app: App,
  { attempts, task_identifier: task }: JobHelpers['job'],
  payload: Job['payload'],
  error: unknown,
): Promise<void> {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  const deadLetter = { task, payload, error: text, attempts } as DeadLetter
  await failOrders(app, [{ orderId: payload.orderId, deadLetter }])
}
