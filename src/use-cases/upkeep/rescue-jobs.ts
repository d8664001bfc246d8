import { inTransaction, type TransactionContext } from '../../database/transaction.ts'
import {
  findUnknownHolders,
  forgetWorkers,
  lockSilentWorkers,
  type RescueLimits,
  releaseUnheldJobs,
  rescueJobsOf,
  type WorkerId,
} from '../../sql/queue/release-jobs.ts'
import type { UpkeepContext } from '../context.ts'

/** Interval of a worker's heartbeats. */
export const HEARTBEAT_INTERVAL_MS = 2_000
/** Four missed heartbeats: more than a busy event loop delays one. The next look comes within 2 s, so jobs are free within 10 s. */
export const SILENCE_MAX_MS = 8_000
/** A worker's first heartbeat follows its first job within milliseconds. */
const UNKNOWN_MAX_MS = 6_000

/**
 * These limits end a job that kills its worker each time, but not the jobs that ran beside it. Those share its first deaths;
 * then each waits for a random time of its own, so that they meet it only by chance.
 *
 * An innocent job runs for at most some 5 s, until its supplier call times out. If its worker is killed every 18 s (200 times an
 * hour), each kill hits the job with a probability of 0.28, and 20 kills in a row with 10^-11. The 20th death of a guilty
 * job comes within half an hour plus the starts of its process, like the last try of a job that throws.
 */
export const RESCUE_LIMITS: RescueLimits = {
  deathsMax: 20,
  unspreadMax: 3,
  spreadBaseMs: 5_000,
  spreadMaxMs: 120_000,
}

/** The reply to a fetch takes milliseconds. If it takes longer than this, its jobs run twice, which is harmless. */
const LOST_REPLY_MS = 2_000

/**
 * Releases the jobs of workers that died or seem to have died. A worker that was only frozen finds the work of its jobs done
 * when it wakes up. A job with too many worker deaths is given up.
 *
 * @param alsoUnknown also finds workers that died before their first beat; this reads every job
 */
export async function rescueJobs(
  context: UpkeepContext,
  { alsoUnknown }: { alsoUnknown: boolean },
): Promise<number> {
  const rescue = await inTransaction(context, 'rescue-jobs', async (tx) => {
    const workers = await lockSilentWorkers(tx, SILENCE_MAX_MS)
    const unknown = alsoUnknown ? await findUnknownHolders(tx, UNKNOWN_MAX_MS) : []
    const poolIds = [...workers.flatMap((worker) => worker.poolIds), ...unknown]
    if (poolIds.length === 0) return null
    const jobs = await rescueJobsOf(tx, poolIds, RESCUE_LIMITS)
    const ids = workers.map(({ id }) => id)
    await forgetWorkers(tx, ids)
    return { workers: [...ids, ...unknown], ...jobs }
  })
  if (rescue) context.onUpkeep({ kind: 'workers-died', ...rescue })
  return rescue?.released ?? 0
}

/** Releases the jobs of a worker that has ended, and deletes its row. */
export async function retireWorker(context: TransactionContext, worker: WorkerId): Promise<void> {
  await inTransaction(context, 'retire-worker', async (tx) => {
    await releaseUnheldJobs(tx, worker.poolIds, [], 0)
    await forgetWorkers(tx, [worker.id])
  })
}

/**
 * Releases jobs that a live worker fetched without knowing: the reply to the fetch was lost.
 *
 * @param heldIds the jobs that the worker knows it holds
 */
export async function releaseLostJobs(
  { pool, onUpkeep }: UpkeepContext,
  { id, poolIds }: WorkerId,
  heldIds: Iterable<string>,
): Promise<void> {
  const released = await releaseUnheldJobs(pool, poolIds, [...heldIds], LOST_REPLY_MS)
  if (released > 0) onUpkeep({ kind: 'fetch-lost', worker: id, released })
}
