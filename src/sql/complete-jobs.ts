import type { JobIds } from './insert-orders.ts'
import { prepare, type Queryable } from './statement.ts'

/** Deletes jobs whose work is done in this transaction. One that a worker has fetched meanwhile is left to it. */
export async function completeJobs(on: Queryable, jobs: readonly JobIds[]): Promise<void> {
  if (jobs.length > 0) await complete(on, [jobs])
}

const complete = prepare(
  'complete-jobs',
  `select count(*) from graphile_worker.complete_jobs(array(
    select unnest(ids::bigint[]) from unnest($1::text[]) as input (ids)
  ))`,
)
