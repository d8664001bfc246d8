import type { App } from '../app.ts'
import { inTransaction } from '../database/transaction.ts'
import { JOB_ATTEMPTS_MAX } from '../domain/jobs.ts'
import { nextJob } from '../domain/next-job.ts'
import { addJobs } from '../sql/add-jobs.ts'
import { deleteOldKeys, findOrphanedOrders, lockDeadJobs, removeJobs, tryLockSweep } from '../sql/sweep.ts'
import { failOrdersIn } from './fail-orders.ts'

/** The longest that a healthy order goes untouched without a job: none at all, but for a transaction under way. */
const UNTOUCHED_MS = 30_000
/** Callers may rely on 24 h; as much again for those whose clock is off, or who were away. */
const KEY_AGE_MS = 48 * 3_600_000
/** One sweep's work is one short transaction; what is left waits for the next. */
const BATCH_MAX = 1_000

/** What a sweep mended. */
export type SweepResult = { requeued: number; buried: number; keysDeleted: number }

/**
 * Mends what a crash at the worst moment can leave: gives orders that should have a job and have none a job, ends
 * orders whose job is dead, and forgets old idempotency keys. One process at a time; a repeat is harmless.
 *
 * @returns what was mended; null when another process sweeps at this moment
 */
export async function sweep(app: App, { untouchedMs = UNTOUCHED_MS } = {}): Promise<SweepResult | null> {
  const result = await inTransaction(app, 'sweep', async (tx) => {
    if (!(await tryLockSweep(tx))) return null
    const orphans = await findOrphanedOrders(tx, untouchedMs, BATCH_MAX)
    await addJobs(
      tx,
      orphans.flatMap((order) => nextJob(order) ?? []),
      JOB_ATTEMPTS_MAX,
    )

    const dead = await lockDeadJobs(tx, BATCH_MAX)
    const failures = dead.map(({ id: _id, ...job }) => ({
      orderId: job.payload.orderId,
      deadLetter: { ...job, error: job.error ?? 'The process ended during the last attempt' },
    }))
    await failOrdersIn(app, tx, failures)
    await removeJobs(
      tx,
      dead.map((job) => job.id),
    )

    const keysDeleted = await deleteOldKeys(tx, KEY_AGE_MS, BATCH_MAX)
    return { requeued: orphans.length, buried: dead.length, keysDeleted }
  })
  if (result && (result.requeued > 0 || result.buried > 0)) app.logger.warn(result, 'swept up after a crash')
  return result
}
