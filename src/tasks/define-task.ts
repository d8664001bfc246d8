import type { JobHelpers, Task } from 'graphile-worker'
import { z } from 'zod'
import type { App } from '../app.ts'
import { retryWhileUnavailable } from '../database/retry-while-unavailable.ts'
import { isUnavailable } from '../database/unavailable.ts'
import type { DeadLetter } from '../domain/dead-letter.ts'
import type { Job, JobRun } from '../domain/jobs.ts'
import type { Supplier } from '../supplier/contract.ts'
import { failOrders } from '../use-cases/fail-orders.ts'

/** What tasks work with. They alone have the supplier: no use-case waits for the network. */
export type TaskContext = { app: App; supplier: Supplier }

/** A task of graphile-worker, once it has something to work with. */
export type TaskOf = (context: TaskContext) => Task

/** Payload of a task about one order. */
export const orderPayload = z.object({ orderId: z.uuid() })
/** Payload of a task that makes one scheduled call to the supplier. */
export const supplierCallPayload = orderPayload.extend({ step: z.int().positive() })

/**
 * Makes a task about one order: its payload meets its schema, and an order whose job fails for the last time is ended.
 *
 * A job that finds the database away is not to blame for it. It keeps its attempt, waits and runs again.
 *
 * @param run must be harmless when it runs again: a job runs at least once
 */
export function defineTask<Payload extends Job['payload']>(
  schema: z.ZodType<Payload>,
  run: (context: TaskContext, payload: Payload) => Promise<void>,
): TaskOf {
  return (context) =>
    async (rawPayload, { job, abortSignal }) => {
      const { app } = context
      const startedAtMs = performance.now()
      let outcome: JobRun['outcome'] = 'failed'
      const runOnce = async () => {
        const payload = schema.parse(rawPayload)
        try {
          await run(context, payload)
          outcome = 'done'
        } catch (error) {
          if (isUnavailable(error)) throw error
          await giveUpOrThrow(app, job, payload, error)
          outcome = 'given-up'
        }
      }
      try {
        await retryWhileUnavailable(runOnce, {
          signal: abortSignal,
          onUnavailable: (error) =>
            app.logger.debug(
              { err: error, task: job.task_identifier, job: job.id },
              'a job waits for the database',
            ),
        })
      } catch (error) {
        // graphile-worker would count an attempt: whoever retires this worker gives the job back, with its attempt
        if (isUnavailable(error)) return new Promise(() => {})
        throw error
      } finally {
        app.onJobRun({ task: job.task_identifier, outcome, durationMs: performance.now() - startedAtMs })
      }
    }
}

/** Ends the order of a job that has failed for the last time. @throws the error again when it was not the last time */
async function giveUpOrThrow(
  app: App,
  job: JobHelpers['job'],
  payload: Job['payload'],
  error: unknown,
): Promise<void> {
  const { attempts, max_attempts: attemptsMax, task_identifier: task } = job
  app.logger.error({ err: error, task, orderId: payload.orderId, attempts, attemptsMax }, 'job failed')
  if (!isLastAttempt(job)) throw error
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  const deadLetter = { task, payload, error: text, attempts } as DeadLetter
  await failOrders(app, [{ orderId: payload.orderId, deadLetter }])
}

function isLastAttempt(job: JobHelpers['job']): boolean {
  return job.attempts >= job.max_attempts
}
