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

/** How often a worker says that it is alive. */
export const HEARTBEAT_INTERVAL_MS = 2_000
/** Four beats missed: a busy event loop is late by less. With the next look at it, jobs are free within 10 s. */
export const SILENCE_MAX_MS = 8_000
/** A worker's first beat follows its first job within milliseconds. */
const UNKNOWN_MAX_MS = 6_000

/**
 * A job that kills its process each time is ended, and those that were under way beside it are not. Its neighbours share
 * its first deaths, and then no more than chance has it: each waits for a time of its own.
 *
 * An innocent job is under way for some 5 s at the most, until its supplier times out. Killed every 18 s, 200 times an hour,
 * it is hit each time with a chance of 0.28, and 20 times in a row with one of 10^-11. The 20th death of a guilty one
 * comes within half an hour and the time that its process takes to start, as the last try of a job that throws.
 */
export const RESCUE_LIMITS: RescueLimits = {
  deathsMax: 20,
  unspreadMax: 3,
  spreadBaseMs: 5_000,
  spreadMaxMs: 120_000,
}

/** A reply to a fetch takes milliseconds; a later one finds its jobs done or running, which is harmless. */
const LOST_REPLY_MS = 2_000

/**
 * Gives back the jobs of workers that have died, or seem to: one that was only stopped finds, when it wakes up, that
 * what its jobs had to do is done. A job whose workers died too often is given up.
 *
 * @param alsoUnknown look too for workers that died before their first beat, which reads every job
 */
export async function rescueJobs(
  context: UpkeepContext,
  { alsoUnknown }: { alsoUnknown: boolean },
): Promise<number> {
  const rescue = await inTransaction(context, 'rescue-jobs', async (tx) => {
    const workers = await lockSilentWorkers(tx, SILENCE_MAX_MS)
    const poolIds = workers.flatMap((worker) => worker.poolIds)
    if (alsoUnknown) poolIds.push(...(await findUnknownHolders(tx, UNKNOWN_MAX_MS)))
    if (poolIds.length === 0) return null
    const jobs = await rescueJobsOf(tx, poolIds, RESCUE_LIMITS)
    await forgetWorkers(
      tx,
      workers.map(({ id }) => id),
    )
    return { workers: poolIds, ...jobs }
  })
  if (rescue) context.onUpkeep({ kind: 'workers-died', ...rescue })
  return rescue?.released ?? 0
}

/** Gives back the jobs of a worker that has ended, and forgets it. */
export async function retireWorker(context: TransactionContext, worker: WorkerId): Promise<void> {
  await inTransaction(context, 'retire-worker', async (tx) => {
    await releaseUnheldJobs(tx, worker.poolIds, [], 0)
    await forgetWorkers(tx, [worker.id])
  })
}

/**
 * Gives back jobs that a living worker was given by the database and never got, because the reply was lost.
 *
 * @param heldIds the jobs that did reach it
 */
export async function releaseLostJobs(
  { pool, onUpkeep }: UpkeepContext,
  { id, poolIds }: WorkerId,
  heldIds: Iterable<string>,
): Promise<void> {
  const released = await releaseUnheldJobs(pool, poolIds, [...heldIds], LOST_REPLY_MS)
  if (released > 0) onUpkeep({ kind: 'fetch-lost', worker: id, released })
}
