import { plainArray, prepare, type Queryable } from '../statement.ts'

/** Deletes jobs whose work is done, except those that a worker holds. */
export async function completeJobs(on: Queryable, ids: readonly string[]): Promise<void> {
  if (ids.length > 0) await complete(on, [plainArray(ids)])
}

const complete = prepare('complete-jobs', 'select count(*) from graphile_worker.complete_jobs($1::bigint[])')
