import type { Queryable } from '../statement.ts'

/**
 * graphile-worker's `add_jobs` looks up jobs by the keys of the new ones. A plan made while the table is small reads the whole
 * table, and is kept: with 100,000 jobs waiting a call took 12.1 ms, by the index 1.0 ms. JIT is off as well, because the
 * estimated cost of a part without an index would trigger it.
 */
const KEEP_ADD_JOBS_ON_ITS_INDEX = `alter function graphile_worker.add_jobs(graphile_worker.job_spec[], boolean)
  set enable_seqscan = off set jit = off`

/**
 * A job is inserted, updated and deleted within moments. So the queue is vacuumed without the usual pauses, after a fixed
 * number of deleted jobs: by a share of a long backlog, vacuum would come too late. graphile-worker has no public setting for
 * it.
 */
const VACUUM_JOBS_AS_THEY_GO = `alter table graphile_worker._private_jobs set (
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_cost_delay = 0
)`

/** Tunes PostgreSQL for a queue that is short at one moment and long at another. A repeat is harmless. */
export async function tuneQueue(on: Queryable): Promise<void> {
  await on.query(KEEP_ADD_JOBS_ON_ITS_INDEX)
  await on.query(VACUUM_JOBS_AS_THEY_GO)
}

/** Whether graphile-worker's schema is there with all that it has. Its list of migrations is filled last by a restore. */
export async function isQueueThere(on: Queryable): Promise<boolean> {
  const { rowCount } = await on.query('select from graphile_worker.migrations limit 1')
  return rowCount === 1
}
