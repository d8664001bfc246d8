import { plainArray, prepare, type Queryable } from '../statement.ts'

/** Deletes jobs that nobody has to run any more. One that a worker holds is left to it. */
export async function completeJobs(on: Queryable, ids: readonly string[]): Promise<void> {
  if (ids.length > 0) await complete(on, plainArray(ids))
}

const complete = prepare('complete-jobs', 'select count(*) from graphile_worker.complete_jobs($1::bigint[])')
