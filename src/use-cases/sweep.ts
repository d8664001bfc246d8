import { z } from 'zod'
import type { App } from '../app.ts'
import { inTransaction, type TransactionName, type Tx } from '../database/transaction.ts'
import { isRefusal, isTimeout, isUnavailable } from '../database/unavailable.ts'
import type { DeadLetter } from '../domain/dead-letter.ts'
import { JOB_ATTEMPTS_MAX } from '../domain/jobs.ts'
import { nextJob } from '../domain/next-job.ts'
import { addJobs } from '../sql/add-jobs.ts'
import { completeJobs } from '../sql/complete-jobs.ts'
import { limitStatements } from '../sql/statement.ts'
import {
  type DeadJob,
  deleteOldKeys,
  findOrphanedOrders,
  lockDeadJobs,
  putDeadJobsAside,
  tryLockSweep,
} from '../sql/sweep.ts'
import { failOrdersIn } from './fail-orders.ts'
import { orderPayload, supplierCallPayload } from './job-payloads.ts'

/** Callers may rely on 24 h; as much again for those whose clock is off, or who were away. */
const KEY_AGE_MS = 48 * 3_600_000
/** One short transaction's work; there are as many as it takes. */
const BATCH_MAX = 1_000
/** A worker sweeps between two beats, and counts as dead after 8 s without one. What is left waits for the next sweep. */
const TIME_MAX_MS = 2_000
/** Ten times what a statement of the sweep takes with 200,000 open orders; a sweep of its own is due before it is over. */
const STATEMENT_MAX_MS = 10_000

/** What a sweep mended. */
export type SweepResult = {
  /** Orders that got a job. */
  requeued: string[]
  /** Orders of dead jobs that were taken out of the queue: each has ended, unless it no longer waited for its job. */
  buried: string[]
  /** Dead jobs that no order can be told from. */
  setAside: string[]
  keysDeleted: number
  /** Another process sweeps at this moment: what it has mended is not among these. */
  isElsewhere: boolean
  /** What could not be done, and why. */
  failures: string[]
}

/** A dead job as `Job` has it. */
const known = z.union([
  z.object({ task: z.literal('reserve-inventory'), payload: orderPayload }),
  z.object({
    task: z.enum(['request-supplier', 'check-supplier-status']),
    payload: supplierCallPayload,
  }),
])

/**
 * Mends what a crash at the worst moment can leave: gives orders that should have a job and have none a job, ends
 * orders whose job is dead, and forgets old idempotency keys. Each in transactions of its own, so that one that fails
 * does not stop the others. One process at a time; a repeat is harmless.
 *
 * @param timeMaxMs after this no further batch is begun
 * @param statementMaxMs a step of which a statement takes longer is given up, and what is behind it is done
 * @throws when the database is away
 */
export async function sweep(
  app: App,
  { timeMaxMs = TIME_MAX_MS, statementMaxMs = STATEMENT_MAX_MS } = {},
): Promise<SweepResult> {
  const endsAtMs = performance.now() + timeMaxMs
  const failures: string[] = []
  let isElsewhere = false

  /** Does `work`, which returns what it has found, until it finds less than a batch. */
  async function repeat<Item>(name: TransactionName, work: (tx: Tx) => Promise<Item[]>): Promise<Item[]> {
    const done: Item[] = []
    try {
      let isMore = !isElsewhere
      while (isMore) {
        const batch = await inTransaction(app, name, async (tx) => {
          const [, isLocked] = await Promise.all([limitStatements(tx, statementMaxMs), tryLockSweep(tx)])
          return isLocked ? work(tx) : null
        })
        isElsewhere = batch === null
        done.push(...(batch ?? []))
        isMore = batch?.length === BATCH_MAX && performance.now() < endsAtMs
      }
    } catch (error) {
      // what a step is refused, or takes too long over, is its own trouble: the next may take a millisecond
      if (isUnavailable(error) && !isRefusal(error) && !isTimeout(error)) throw error
      app.onUpkeep({ kind: 'sweep-failed', step: name, error })
      failures.push(`${name}: ${error instanceof Error ? error.message : error}`)
    }
    return done
  }

  const requeued = await repeat('sweep-orphans', requeueOrphans)
  const dead = await repeat('sweep-dead-jobs', (tx) => buryDeadJobs(app, tx))
  const keys = await repeat('sweep-old-keys', (tx) => deleteOldKeys(tx, KEY_AGE_MS, BATCH_MAX))

  const buried = dead.flatMap(({ orderId }) => orderId ?? [])
  const aside = dead.filter((job) => job.orderId === null)
  if (aside.length > 0) app.onUpkeep({ kind: 'jobs-put-aside', jobs: aside })
  if (requeued.length > 0 || buried.length > 0) {
    app.onUpkeep({ kind: 'swept', requeued: requeued.length, buried: buried.length })
  }
  const setAside = aside.map(({ id }) => id)
  return { requeued, buried, setAside, keysDeleted: keys.length, isElsewhere, failures }
}

async function requeueOrphans(tx: Tx): Promise<string[]> {
  const orphans = await findOrphanedOrders(tx, BATCH_MAX)
  await addJobs(
    tx,
    orphans.flatMap((order) => nextJob(order) ?? []),
    JOB_ATTEMPTS_MAX,
  )
  return orphans.map(({ id }) => id)
}

/** @returns dead jobs, each with the order that it ended, or null where it was put aside */
async function buryDeadJobs(app: App, tx: Tx): Promise<(DeadJob & { orderId: string | null })[]> {
  const jobs = (await lockDeadJobs(tx, BATCH_MAX)).map((job) => ({
    ...job,
    known: known.safeParse(job).data,
  }))
  const failures = jobs.flatMap(({ known, attempts, error }) => {
    if (!known) return []
    const deadLetter: DeadLetter = {
      ...known,
      attempts,
      error: error ?? 'The process ended during the last attempt',
    }
    return [{ orderId: known.payload.orderId, deadLetter }]
  })
  await failOrdersIn(app, tx, failures)
  await completeJobs(
    tx,
    jobs.filter(({ known }) => known).map(({ id }) => id),
  )
  await putDeadJobsAside(
    tx,
    jobs.filter(({ known }) => !known).map(({ id }) => id),
  )
  return jobs.map(({ known, ...job }) => ({ ...job, orderId: known?.payload.orderId ?? null }))
}
