import { z } from 'zod'
import { inTransaction, type TransactionName, type Tx } from '../../database/transaction.ts'
import { isRefusal, isTimeout, isUnavailable } from '../../database/unavailable.ts'
import { deadLetterOf } from '../../domain/upkeep/dead-letter.ts'
import { type OrderRef, ordersOf, reservationJob } from '../../domain/upkeep/jobs.ts'
import { supplierJob } from '../../domain/upkeep/next-job.ts'
import {
  DELIVERED_KEPT_MAX,
  GIVEN_UP_AGE_MS,
  UNSENT_AGE_MS,
  WEBHOOK_UNREADABLE_DELAY_MS,
} from '../../limits.ts'
import { findStuck, passOverOrders } from '../../sql/orders/waiting-queue.ts'
import { addJobs, completeJobs } from '../../sql/queue/add-jobs.ts'
import {
  type DeadJob,
  deleteOldKeys,
  findOrphans,
  findUnsent,
  lockDeadJobs,
  putDeadJobsAside,
  requeueLostQueues,
  tryLockSweep,
} from '../../sql/queue/find-lost-work.ts'
import { limitStatements } from '../../sql/statement.ts'
import { deleteOldImports } from '../../sql/stock/imports.ts'
import {
  deleteOfDeleted,
  deleteOldDelivered,
  deleteOldGivenUp,
  giveUpDisabled,
} from '../../sql/webhooks/deliveries.ts'
import { forgetReplacedSecrets } from '../../sql/webhooks/webhooks.ts'
import type { UpkeepContext } from '../context.ts'
import { inHalves, PASSED_OVER_MS, type PassedOver, stillPassedOver } from '../in-halves.ts'
import { reservationPayload, sendingPayload, servingPayload, supplierCallPayload } from '../job-payloads.ts'
import { failOrdersIn } from '../orders/fail-orders.ts'
import { disableFailing } from '../webhooks/disable-failing.ts'
import type { WebhookContext } from '../webhooks/webhook-context.ts'

/** Callers may rely on 24 h. The rest is for callers that were down, or whose clock is wrong. */
const KEY_AGE_MS = 48 * 3_600_000
/** Files are sent again by mistake days later, not only by a retry. */
const IMPORT_AGE_MS = 30 * 24 * 3_600_000
/** Rows of one short transaction; a sweep runs as many as it needs. */
const SWEEP_BATCH_MAX = 1_000
/** A sweep delays the search for dead workers. The rest waits for the next sweep. */
const SWEEP_TIME_MAX_MS = 2_000
/** Ten times what a statement takes with 200,000 open orders, and less than the 30 s to the next sweep. */
const SWEEP_STATEMENT_MAX_MS = 10_000

export type SweepContext = UpkeepContext & Pick<WebhookContext, 'onWebhooks'>

export type SweepResult = {
  requeued: string[]
  /** Orders of dead jobs that were deleted: each is FAILED, unless it no longer waited for that job. */
  buried: string[]
  /** Dead jobs whose payload names no order. */
  setAside: string[]
  /** SKUs whose queue had lost its job or its mark, and got one. */
  queues: string[]
  /** Webhooks with overdue deliveries, which are sent now. */
  webhooks: string[]
  keysDeleted: number
  /** Whether another process was sweeping: its results are not among these. */
  isElsewhere: boolean
  failures: string[]
}

type OnLocked = (ids: readonly string[]) => void

/** The work of one transaction: on the ids of `among`, or on the next batch if that is null. */
type Work<Item> = (tx: Tx, among: readonly string[] | null, onLocked: OnLocked) => Promise<Item[]>

/** A dead job and its orders: none if its payload cannot be read. `stuck`: orders that end with the dead job of a queue. */
type BuriedJob = DeadJob & { orders: readonly OrderRef[]; stuck: readonly string[] }

/** The error of a dead job that has none of its own. */
const ENDED_WITH_PROCESS = 'The process ended during the last attempt'

/** Parses a dead job into a `Job`. */
const known = z.union([
  z.object({ task: z.literal('reserve-inventory'), payload: reservationPayload }),
  z.object({ task: z.literal('serve-waiting'), payload: servingPayload }),
  z.object({ task: z.literal('send-webhooks'), payload: sendingPayload }),
  z.object({
    task: z.enum(['request-supplier', 'check-supplier-status']),
    payload: supplierCallPayload,
  }),
])

/**
 * Repairs what a crash can leave behind: gives a job to orders that lost theirs, ends orders whose job is dead, and deletes old
 * idempotency keys and imports, and what is left of webhooks. Disables webhooks that have failed for too long. Each step has transactions of its own, so that a failed step does not stop the next. A dead job whose
 * order cannot be ended is passed over for a while, and stops no other. One process at a time; a repeat is harmless.
 *
 * @param passedOver dead jobs, kept from call to call
 * @param timeMaxMs after this time no further batch begins
 * @param statementMaxMs a step with a longer statement is skipped
 * @throws if the database is unavailable
 */
export async function sweep(
  context: SweepContext,
  {
    timeMaxMs = SWEEP_TIME_MAX_MS,
    statementMaxMs = SWEEP_STATEMENT_MAX_MS,
    passedOver = new Map() as PassedOver,
  } = {},
): Promise<SweepResult> {
  const endsAtMs = performance.now() + timeMaxMs
  const failures: string[] = []
  let isElsewhere = false

  function noteFailure(step: TransactionName, error: unknown, job?: string): void {
    context.onUpkeep({ kind: 'sweep-failed', step, error, ...(job && { job }) })
    const message = error instanceof Error ? error.message : error
    failures.push(`${step}: ${job ? `job ${job}: ` : ''}${message}`)
  }

  /** Repeats `work`, which returns what it found, until it finds less than a batch. */
  async function repeat<Item>(name: TransactionName, work: Work<Item>): Promise<Item[]> {
    const done: Item[] = []
    try {
      let isMore = !isElsewhere
      while (isMore) {
        let found = 0
        const transact = async (among: readonly string[] | null, onLocked: OnLocked) => {
          // time is over: the rest of the batch waits for the next sweep
          if (among !== null && performance.now() > endsAtMs) return []
          return await inTransaction(context, name, async (tx) => {
            const [, isLocked] = await Promise.all([limitStatements(tx, statementMaxMs), tryLockSweep(tx)])
            return isLocked ? await work(tx, among, onLocked) : null
          })
        }
        const batches = await inHalves(transact, passedOver, (job, error) => {
          found++
          noteFailure(name, error, job)
        })
        isElsewhere = batches.includes(null)
        const batch = batches.flatMap((items) => items ?? [])
        found += batch.length
        done.push(...batch)
        isMore = found === SWEEP_BATCH_MAX && performance.now() < endsAtMs
      }
    } catch (error) {
      // a refused or slow statement concerns its own step; the next step may take a millisecond
      if (isUnavailable(error) && !isRefusal(error) && !isTimeout(error)) throw error
      noteFailure(name, error)
    }
    return done
  }

  const requeued = await repeat('sweep-orphans', requeueOrphans)
  const dead = await repeat('sweep-dead-jobs', async (tx, among, onLocked) => {
    const jobs = await lockDeadJobs(tx, {
      among,
      passedOver: stillPassedOver(passedOver),
      limit: SWEEP_BATCH_MAX,
    })
    onLocked(jobs.map(({ id }) => id))
    return buryDeadJobs(context, tx, jobs)
  })
  const queues = await repeat('sweep-lost-queues', (tx) => requeueLostQueues(tx, SWEEP_BATCH_MAX))
  const keys = await repeat('sweep-old-keys', (tx) => deleteOldKeys(tx, KEY_AGE_MS, SWEEP_BATCH_MAX))
  await repeat('sweep-old-imports', (tx) => deleteOldImports(tx, IMPORT_AGE_MS, SWEEP_BATCH_MAX))
  const unsent = await repeat('sweep-unsent', requeueUnsent)
  await repeat('sweep-given-up', (tx) => deleteOldGivenUp(tx, GIVEN_UP_AGE_MS, SWEEP_BATCH_MAX))
  const disabled = await repeat('sweep-failing', disableFailing)
  // told at once: what comes after may fail, and the next sweep finds them no more
  if (disabled.length > 0) context.onWebhooks(disabled)
  await repeat('sweep-disabled', (tx) => giveUpDisabled(tx, SWEEP_BATCH_MAX))
  await repeat('sweep-delivered', (tx) => deleteOldDelivered(tx, DELIVERED_KEPT_MAX, SWEEP_BATCH_MAX))
  await repeat('sweep-deleted-webhooks', (tx) => deleteOfDeleted(tx, SWEEP_BATCH_MAX))
  await repeat('sweep-secrets', (tx) => forgetReplacedSecrets(tx))

  const buried = dead.flatMap(({ orders, stuck }) => [...orders.map(({ orderId }) => orderId), ...stuck])
  const aside = dead.filter((job) => !isReadable(job))
  if (aside.length > 0) context.onUpkeep({ kind: 'jobs-put-aside', jobs: aside })
  if (requeued.length > 0 || buried.length > 0) {
    context.onUpkeep({ kind: 'swept', requeued: requeued.length, buried: buried.length })
  }
  const setAside = aside.map(({ id }) => id)
  return {
    requeued,
    buried,
    setAside,
    queues: queues.map(({ sku }) => sku),
    webhooks: unsent.map(({ id }) => id),
    keysDeleted: keys.length,
    isElsewhere,
    failures,
  }
}

async function requeueOrphans(tx: Tx): Promise<string[]> {
  const orphans = await findOrphans(tx, SWEEP_BATCH_MAX)
  const pending = orphans.flatMap(({ order }) => order ?? [])
  const requests = orphans.flatMap(({ request }) => request ?? [])
  await addJobs(tx, [
    ...(pending.length > 0 ? [reservationJob(pending)] : []),
    ...requests.map((request) => supplierJob(request)),
  ])
  return orphans.map(({ order, request }) => order?.orderId ?? request!.orderId)
}

/** Gives webhooks with overdue deliveries a job. */
async function requeueUnsent(tx: Tx): Promise<{ id: string }[]> {
  const webhooks = await findUnsent(tx, UNSENT_AGE_MS, WEBHOOK_UNREADABLE_DELAY_MS, SWEEP_BATCH_MAX)
  await addJobs(
    tx,
    webhooks.map(({ id: webhookId }) => ({ task: 'send-webhooks', payload: { webhookId } })),
  )
  return webhooks
}

/** Whether a dead job can be done for. A queue whose job is dead gets another one, like one that lost it; so does a webhook. */
function isReadable({ orders, task }: Pick<BuriedJob, 'orders' | 'task'>): boolean {
  return orders.length > 0 || task === 'serve-waiting' || task === 'send-webhooks'
}

/**
 * Ends the order of each dead job. Splits a job of several orders instead, because only one of them may be at fault. For the job of a
 * queue, ends the first order and the new orders that came before the job.
 */
async function buryDeadJobs(context: UpkeepContext, tx: Tx, dead: readonly DeadJob[]): Promise<BuriedJob[]> {
  const jobs = dead.map((job) => ({ ...job, known: known.safeParse(job).data }))
  const letters = jobs.flatMap(({ known, attempts, error }) => {
    return (known && deadLetterOf(known, { error: error ?? ENDED_WITH_PROCESS, attempts })) ?? []
  })
  const buried = await Promise.all(
    jobs.map(async ({ known, ...job }) => ({
      ...job,
      orders: known ? ordersOf(known.payload) : [],
      // nobody was served while the job was tried: new orders get an answer, and the first makes way
      stuck:
        known?.task === 'serve-waiting'
          ? await findStuck(tx, known.payload.sku, job.createdAt, SWEEP_BATCH_MAX)
          : [],
    })),
  )
  const stuckLetters = buried.flatMap(({ stuck, error, attempts }) =>
    stuck.map((orderId) => ({
      task: 'serve-waiting' as const,
      payload: { orderId },
      error: error ?? ENDED_WITH_PROCESS,
      attempts,
    })),
  )
  const failed = await failOrdersIn(context, tx, [...letters, ...stuckLetters])
  // an order of which part was shipped cannot fail, and makes way all the same
  const kept = buried.flatMap(({ stuck }) => stuck.filter((orderId) => !failed.has(orderId)))
  for (const orderId of await passOverOrders(tx, kept, PASSED_OVER_MS)) {
    context.logger.error({ orderId }, 'order cannot be served, passed over')
  }
  const split = buried.flatMap(({ orders }) => (orders.length > 1 ? orders : []))
  await addJobs(
    tx,
    split.map((order) => reservationJob([order])),
  )
  const idsOf = (jobs: BuriedJob[]) => jobs.map(({ id }) => id)
  await completeJobs(tx, idsOf(buried.filter(isReadable)))
  await putDeadJobsAside(tx, idsOf(buried.filter((job) => !isReadable(job))))
  return buried
}
