import { z } from 'zod'
import { inTransaction, type TransactionName, type Tx } from '../../database/transaction.ts'
import { isRefusal, isTimeout, isUnavailable } from '../../database/unavailable.ts'
import { deadLetterOf } from '../../domain/upkeep/dead-letter.ts'
import { type OrderRef, ordersOf, reservationJob } from '../../domain/upkeep/jobs.ts'
import { supplierJob } from '../../domain/upkeep/next-job.ts'
import { GIVEN_UP_AGE_MS, UNSENT_AGE_MS } from '../../limits.ts'
import { findStuck } from '../../sql/orders/waiting-queue.ts'
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
import { deleteOldGivenUp } from '../../sql/webhooks/deliveries.ts'
import type { UpkeepContext } from '../context.ts'
import { reservationPayload, sendingPayload, servingPayload, supplierCallPayload } from '../job-payloads.ts'
import { failOrdersIn } from '../orders/fail-orders.ts'

/** Callers may rely on 24 h. The rest is for callers that were down, or whose clock is wrong. */
const KEY_AGE_MS = 48 * 3_600_000
/** A file is sent a second time by mistake days later, not only by a retry. */
const IMPORT_AGE_MS = 30 * 24 * 3_600_000
/** Rows of one short transaction; a sweep runs as many as it needs. */
const SWEEP_BATCH_MAX = 1_000
/** A sweep delays the search for dead workers. The rest waits for the next sweep. */
const SWEEP_TIME_MAX_MS = 2_000
/** Ten times what a statement takes with 200,000 open orders, and less than the 30 s to the next sweep. */
const SWEEP_STATEMENT_MAX_MS = 10_000

export type SweepResult = {
  requeued: string[]
  /** Orders of dead jobs that were deleted: each is FAILED, unless it no longer waited for that job. */
  buried: string[]
  /** Dead jobs whose payload names no order. */
  setAside: string[]
  /** SKUs whose queue was not served, and is now. */
  queues: string[]
  /** Webhooks with overdue deliveries, which are sent now. */
  webhooks: string[]
  keysDeleted: number
  /** Whether another process was sweeping: its results are not among these. */
  isElsewhere: boolean
  failures: string[]
}

/** A dead job and its orders: none if its payload cannot be read. `stuck`: those that fail with the job of a queue. */
type BuriedJob = DeadJob & { orders: readonly OrderRef[]; stuck: readonly string[] }

/** What is said of a job without an error of its own. */
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
 * idempotency keys and imports. Each step has transactions of its own, so that a failed step does not stop the next. One process at a
 * time; a repeat is harmless.
 *
 * @param timeMaxMs after this time no further batch begins
 * @param statementMaxMs a step with a longer statement is skipped
 * @throws if the database is unavailable
 */
export async function sweep(
  context: UpkeepContext,
  { timeMaxMs = SWEEP_TIME_MAX_MS, statementMaxMs = SWEEP_STATEMENT_MAX_MS } = {},
): Promise<SweepResult> {
  const endsAtMs = performance.now() + timeMaxMs
  const failures: string[] = []
  let isElsewhere = false

  /** Repeats `work`, which returns what it found, until it finds less than a batch. */
  async function repeat<Item>(name: TransactionName, work: (tx: Tx) => Promise<Item[]>): Promise<Item[]> {
    const done: Item[] = []
    try {
      let isMore = !isElsewhere
      while (isMore) {
        const batch = await inTransaction(context, name, async (tx) => {
          const [, isLocked] = await Promise.all([limitStatements(tx, statementMaxMs), tryLockSweep(tx)])
          return isLocked ? work(tx) : null
        })
        isElsewhere = batch === null
        done.push(...(batch ?? []))
        isMore = batch?.length === SWEEP_BATCH_MAX && performance.now() < endsAtMs
      }
    } catch (error) {
      // a refused or slow statement concerns its own step; the next step may take a millisecond
      if (isUnavailable(error) && !isRefusal(error) && !isTimeout(error)) throw error
      context.onUpkeep({ kind: 'sweep-failed', step: name, error })
      failures.push(`${name}: ${error instanceof Error ? error.message : error}`)
    }
    return done
  }

  const requeued = await repeat('sweep-orphans', requeueOrphans)
  const dead = await repeat('sweep-dead-jobs', (tx) => buryDeadJobs(context, tx))
  const queues = await repeat('sweep-lost-queues', (tx) => requeueLostQueues(tx, SWEEP_BATCH_MAX))
  const keys = await repeat('sweep-old-keys', (tx) => deleteOldKeys(tx, KEY_AGE_MS, SWEEP_BATCH_MAX))
  await repeat('sweep-old-imports', (tx) => deleteOldImports(tx, IMPORT_AGE_MS, SWEEP_BATCH_MAX))
  const unsent = await repeat('sweep-unsent', requeueUnsent)
  await repeat('sweep-given-up', (tx) => deleteOldGivenUp(tx, GIVEN_UP_AGE_MS, SWEEP_BATCH_MAX))

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
  const webhooks = await findUnsent(tx, UNSENT_AGE_MS, SWEEP_BATCH_MAX)
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
 * Ends the order of each dead job. A job of several orders is split instead, because only one of them may be at fault. Of a
 * queue the first order ends, and the new ones that came before the job.
 */
async function buryDeadJobs(context: UpkeepContext, tx: Tx): Promise<BuriedJob[]> {
  const jobs = (await lockDeadJobs(tx, SWEEP_BATCH_MAX)).map((job) => ({
    ...job,
    known: known.safeParse(job).data,
  }))
  const letters = jobs.flatMap(({ known, attempts, error }) => {
    return (known && deadLetterOf(known, { error: error ?? ENDED_WITH_PROCESS, attempts })) ?? []
  })
  const buried = await Promise.all(
    jobs.map(async ({ known, ...job }) => ({
      ...job,
      orders: known ? ordersOf(known.payload) : [],
      // nobody was served for as long as its tries took: who is new there is answered, and the first makes way
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
  await failOrdersIn(context, tx, [...letters, ...stuckLetters])
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
