import type { JobHelpers, Task } from 'graphile-worker'
import { z } from 'zod'
import type { App } from '../app.ts'
import { retryWhileUnavailable } from '../database/retry-while-unavailable.ts'
import { isUnavailable } from '../database/unavailable.ts'
import type { DeadLetter } from '../domain/dead-letter.ts'
import type { Job } from '../domain/jobs.ts'
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
      const payload = schema.parse(rawPayload)
      const { app } = context
      const { attempts, max_attempts: attemptsMax, task_identifier: task } = job
      const about = { task, orderId: payload.orderId, attempts, attemptsMax }
      const runOnce = async () => {
        try {
          await run(context, payload)
        } catch (error) {
          if (isUnavailable(error)) throw error
          app.logger.error({ err: error, ...about }, 'job failed')
          if (!isLastAttempt(job)) throw error
          const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
          const deadLetter = { task, payload, error: text, attempts } as DeadLetter
          await failOrders(app, [{ orderId: payload.orderId, deadLetter }])
        }
      }
      const onUnavailable = (error: unknown) =>
        app.logger.debug({ err: error, ...about }, 'a job waits for the database')
      await retryWhileUnavailable(runOnce, { signal: abortSignal, onUnavailable }).catch((error) => {
        // graphile-worker would count an attempt: whoever retires this worker gives the job back, with its attempt
        if (isUnavailable(error)) return new Promise(() => {})
        throw error
      })
    }
}

function isLastAttempt(job: JobHelpers['job']): boolean {
  return job.attempts >= job.max_attempts
}
