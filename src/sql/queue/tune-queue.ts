import type { Queryable } from '../statement.ts'

/**
 * graphile-worker's `add_jobs` looks for jobs under the new ones' keys. Its plan is made while the table is small, reads
 * the table whole, and is kept: with 100,000 jobs waiting, a call took 12.1 ms, and takes 1.0 ms by the index. Without JIT,
 * whoever calls: a plan that has no index for a part of it would cost enough to be compiled.
 */
const KEEP_ADD_JOBS_ON_ITS_INDEX = `alter function graphile_worker.add_jobs(graphile_worker.job_spec[], boolean)
  set enable_seqscan = off set jit = off`

/**
 * Each job is inserted, updated and deleted within moments: the queue is vacuumed without the usual pauses, and by how
 * many jobs have gone rather than by how many wait, or a long backlog would keep the dead ones. There is no public way to
 * say so.
 */
const VACUUM_JOBS_AS_THEY_GO = `alter table graphile_worker._private_jobs set (
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_cost_delay = 0
)`

/** Has PostgreSQL treat the queue as a table that is small at one moment and long at another. A repeat is harmless. */
export async function tuneQueue(on: Queryable): Promise<void> {
  await on.query(KEEP_ADD_JOBS_ON_ITS_INDEX)
  await on.query(VACUUM_JOBS_AS_THEY_GO)
}

/** Whether graphile-worker's schema is there with all that it has. Its list of migrations is filled last by a restore. */
export async function isQueueThere(on: Queryable): Promise<boolean> {
  const { rowCount } = await on.query('select from graphile_worker.migrations limit 1')
  return rowCount === 1
}
