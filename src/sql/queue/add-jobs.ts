import { JOB_ATTEMPTS_MAX, type Job } from '../../domain/upkeep/jobs.ts'
import { plainArray, prepare, type Queryable } from '../statement.ts'

/** Enqueues jobs. They exist once the transaction commits, and not before. */
export async function addJobs(on: Queryable, jobs: readonly Job[]): Promise<void> {
  if (jobs.length === 0) return
  await add(
    on,
    jobs.map((job) => job.task),
    jobs.map((job) => JSON.stringify(job.payload)),
    jobs.map((job) => job.delayMs ?? 0),
    JOB_ATTEMPTS_MAX,
  )
}

const add = prepare(
  'add-jobs',
  `select count(*) from graphile_worker.add_jobs(array(
    select (task, payload, null, now() + delay_ms * interval '1 ms', $4::smallint, null, null, null)::graphile_worker.job_spec
    from unnest($1::text[], $2::json[], $3::float8[]) as input (task, payload, delay_ms)
  ))`,
)

/** Deletes jobs that nobody has to run any more. One that a worker holds is left to it. */
export async function completeJobs(on: Queryable, ids: readonly string[]): Promise<void> {
  if (ids.length > 0) await complete(on, plainArray(ids))
}

const complete = prepare('complete-jobs', 'select count(*) from graphile_worker.complete_jobs($1::bigint[])')
