import type { JobHelpers, Task } from 'graphile-worker'
import type { z } from 'zod'
import { retryWhileUnavailable } from '../database/retry-while-unavailable.ts'
import { isContention, isUnavailable } from '../database/unavailable.ts'
import { deadLetterOf } from '../domain/upkeep/dead-letter.ts'
import { type Job, type JobRun, type JobTry, ordersOf } from '../domain/upkeep/jobs.ts'
import type { Supplier } from '../supplier/contract.ts'
import { failOrders } from '../use-cases/orders/fail-orders.ts'
import type { ReservationGroup } from '../use-cases/orders/reserve-inventory.ts'
import type { ServeContext } from '../use-cases/orders/serve-waiting.ts'
import type { CallReader } from '../use-cases/supplier/find-supplier-call.ts'
import type { OutcomeGroup } from '../use-cases/supplier/settle-supplier-outcomes.ts'
import type { AttemptGroup } from '../use-cases/webhooks/settle-attempts.ts'
import type { WebhookContext } from '../use-cases/webhooks/webhook-context.ts'
import type { WebhookClient } from '../webhooks/webhook-client.ts'
import { beginJobRun, inJobSpan, type JobObserver } from './job-observer.ts'
import type { WebhookSender } from './webhooks/webhook-sender.ts'

export type TaskApp = ServeContext &
  WebhookContext &
  JobObserver & {
    groups: {
      findSupplierCall: CallReader
      reserveInventory: ReservationGroup
      settleSupplierOutcome: OutcomeGroup
      settleAttempt: AttemptGroup
    }
  }

/** What sends webhooks. */
export type WebhookSending = {
  client: WebhookClient
  /** Those of this pool that send at this moment, by their webhooks. */
  senders: Map<string, WebhookSender>
  /** Aborts when this process stops. */
  stopping: AbortSignal
}

/** What tasks use. Only tasks get the supplier and receivers of webhooks, because no use-case may wait for the network. */
export type TaskContext = { app: TaskApp; supplier: Supplier; webhooks: WebhookSending }

export type TaskOf = (context: TaskContext) => Task

/**
 * A run of a job: whether it is the last try, and how many workers have died with the job. `mayHaveRun`: what the job does may
 * have been begun before, as far as the queue knows.
 */
export type TaskRun = JobTry & { isLastTry: boolean; workerDeaths: number; mayHaveRun: boolean }

/**
 * Makes a task that parses its payload, and fails the order of a job that has used up its tries.
 *
 * A job that finds the database away keeps its attempt, waits and runs again.
 *
 * @param run must be idempotent: a job runs at least once
 */
export function defineTask<Payload extends Job['payload']>(
  task: Job['task'],
  schema: z.ZodType<Payload>,
  run: (context: TaskContext, payload: Payload, job: TaskRun) => Promise<void>,
): TaskOf {
  return (context) =>
    async (rawPayload, { job, abortSignal }) => {
      const { app } = context
      const { attempts: attempt, max_attempts: attemptsMax } = job
      const taskRun = {
        task,
        attempt,
        isLastTry: attempt >= attemptsMax,
        workerDeaths: workerDeathsOf(job),
        // a job that was given back has its attempt again, and a flag
        mayHaveRun: attempt > 1 || job.flags !== null,
      }
      const report = beginJobRun(app, { task, attempt, attemptsMax })
      let orders: JobRun['orders'] = []
      let isBuried = false

      const runOnce = async () => {
        const payload = schema.parse(rawPayload)
        orders = ordersOf(payload)
        // both in the job's span, so that it shows the failure
        const work = async () => {
          try {
            await run(context, payload, taskRun)
          } catch (error) {
            taskRun.mayHaveRun = true
            if (!taskRun.isLastTry || isAway(error)) throw error
            isBuried = await failForGood(app, { task, payload } as Job, attempt, error)
            throw error
          }
        }
        await inJobSpan(app, taskRun, orders, work)
      }

      try {
        await retryWhileUnavailable(runOnce, {
          signal: abortSignal,
          isAwaited: isAway,
          onUnavailable: (error) =>
            app.logger.debug({ err: error, task, job: job.id }, 'database away, job waits'),
        })
        report({ outcome: 'done', orders })
      } catch (error) {
        if (isBuried) return report({ outcome: 'given-up', orders, error })
        // throwing would count an attempt. Unresolved, the job is given back with its attempt when this worker retires
        if (isAway(error)) return new Promise(() => {})
        report({ outcome: 'failed', orders, error })
        throw error
      }
    }
}

/** Whether the database is unavailable, so that the job has to wait. Contention is not: it costs the job a try. */
export function isAway(error: unknown): boolean {
  return isUnavailable(error) && !isContention(error)
}

/** Returns how many workers died while they held the job: the rescue counts them in its flags. */
function workerDeathsOf({ flags }: JobHelpers['job']): number {
  return Number((flags as Record<string, unknown> | null)?.deaths ?? 0)
}

/**
 * Ends the order of a job that has failed for the last time. Does nothing for a job of several orders: the sweep splits it.
 *
 * @returns whether it ended the order
 */
async function failForGood(app: TaskApp, job: Job, attempts: number, error: unknown): Promise<boolean> {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  const deadLetter = deadLetterOf(job, { error: text, attempts })
  if (!deadLetter) return false
  await failOrders(app, [deadLetter])
  return true
}
