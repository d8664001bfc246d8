import type { Job } from '../domain/jobs.ts'
import { prepare, type Queryable } from './statement.ts'

// As in rescue-jobs.ts, this writes graphile-worker's private table: it has no function that takes jobs for good.

/**
 * With a sort at hand, PostgreSQL may read and sort every job that is due: 2,000 of 200,000 took 60 ms, and by their index
 * they take 4.
 */
const FIND_BY_INDEX = 'set local enable_sort to off'

/**
 * Takes jobs of a task out of the queue that are due, oldest first, for the caller's transaction.
 *
 * Left to graphile-worker is what it has fetched, and what has failed or was under way when its worker died: it counts such
 * runs, and keeps them apart from others.
 *
 * @returns their payloads as they stand there, of `limit` jobs at the most
 */
export async function takeJobs(on: Queryable, task: Job['task'], limit: number): Promise<unknown[]> {
  const [, jobs] = await Promise.all([
    on.query(FIND_BY_INDEX),
    take(on, [task, limit]),
    on.query('set local enable_sort to default'),
  ])
  return jobs.map(({ payload }) => payload)
}

// locked before they are deleted, so that several workers take others instead of waiting for each other
const take = prepare<{ payload: unknown }>(
  'take-jobs',
  `with due as materialized (
    select id
    from graphile_worker._private_jobs
    where is_available
      and run_at <= now()
      and attempts = 0
      and flags is null
      and task_id = (select id from graphile_worker._private_tasks where identifier = $1)
    order by priority, run_at
    limit $2::int
    for update skip locked
  )
  delete from graphile_worker._private_jobs where id = any (array(select id from due)) returning payload`,
)
