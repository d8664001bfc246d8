import { JOB_TASKS } from '../../domain/upkeep/jobs.ts'
import type { WorkerReport } from '../../domain/upkeep/service-status.ts'
import { prepare, type Queryable } from '../statement.ts'

// These write graphile-worker's private table, because its public functions cannot release single jobs or set flags. A test
// pins the columns.

/** A process that runs jobs, and the ids that jobs of its pools carry in `locked_by`. */
export type WorkerId = { id: string; poolIds: readonly string[] }

/** Writes a worker's heartbeat, by the database's clock, with its report. */
export async function beat(
  on: Queryable,
  { id, poolIds }: WorkerId,
  { circuit, jobsHeld }: WorkerReport,
): Promise<void> {
  await upsertWorker(on, id, circuit, JSON.stringify(jobsHeld), poolIds)
}

const upsertWorker = prepare(
  'beat',
  `insert into workers (id, started_at, seen_at, circuit, jobs_held, pool_ids) values ($1, now(), now(), $2, $3, $4)
  on conflict (id) do update
  set seen_at = excluded.seen_at, circuit = excluded.circuit, jobs_held = excluded.jobs_held, pool_ids = excluded.pool_ids`,
)

/** Forgets workers that have ended in good order and hold no job. */
export const forgetWorkers = prepare<[ids: readonly string[]]>(
  'forget-workers',
  'delete from workers where id = any ($1::text[])',
)

/** Workers that have said nothing for this long. Locked against a second rescuer until the transaction ends. */
export const lockSilentWorkers = prepare<[silenceMs: number], WorkerId>(
  'lock-silent-workers',
  // versions before 0.2 had one pool, whose id is the worker's
  `select id, case pool_ids when '{}' then array[id] else pool_ids end as "poolIds" from workers where seen_at < now() - $1::float8 * interval '1 ms' for update skip locked`,
)

/**
 * Finds pools that hold jobs of our tasks without a row in `workers`: they died between their first job and their first
 * heartbeat. Other programs' workers in the same schema hold jobs of other tasks.
 */
export async function findUnknownHolders(on: Queryable, heldForMs: number): Promise<string[]> {
  return (await findUnknown(on, heldForMs, JOB_TASKS)).map((row) => row.id)
}

const findUnknown = prepare<[heldForMs: number, tasks: readonly string[]], { id: string }>(
  'find-unknown-holders',
  `select distinct locked_by as id from graphile_worker.jobs
  where locked_at < now() - $1::float8 * interval '1 ms'
    and task_identifier = any ($2::text[])
    and not exists (select from workers where locked_by = workers.id or locked_by = any (workers.pool_ids))`,
)

/** How the rescue treats a job whose workers died. */
export type RescueLimits = {
  /** Worker deaths after which a job is given up. */
  deathsMax: number
  /** Worker deaths after which a job still runs again at once: a few crashes prove nothing. */
  unspreadMax: number
  /** After more deaths it waits for a random time up to this, which doubles with each. */
  spreadBaseMs: number
  spreadMaxMs: number
}

/**
 * Releases the jobs of our tasks that pools of dead workers hold, each with the attempt it was on. Counts the death in the
 * job's flags, which graphile-worker does not use. A job with too many deaths is marked as having used up its tries, and the
 * sweep ends its order.
 *
 * @returns how many jobs were released, and how many of them are given up
 */
export async function rescueJobsOf(
  on: Queryable,
  poolIds: readonly string[],
  { deathsMax, unspreadMax, spreadBaseMs, spreadMaxMs }: RescueLimits,
): Promise<{ released: number; givenUp: number }> {
  const [row] = await rescue(on, poolIds, deathsMax, unspreadMax, spreadBaseMs, spreadMaxMs, JOB_TASKS)
  return row!
}

const rescue = prepare<unknown[], { released: number; givenUp: number }>(
  'rescue-jobs-of',
  `with held as (
    select jobs.id, coalesce((jobs.flags ->> 'deaths')::int, 0) + 1 as deaths, jobs.max_attempts
    from graphile_worker._private_jobs as jobs
    join graphile_worker._private_tasks as tasks on tasks.id = jobs.task_id
    where jobs.locked_by = any ($1::text[]) and tasks.identifier = any ($6::text[])
    for update of jobs
  ), judged as (
    select id, deaths, deaths >= $2::int as is_over, greatest(max_attempts, deaths) as tries from held
  ), rescued as (
    update graphile_worker._private_jobs as jobs
    set
      locked_at = null,
      locked_by = null,
      flags = coalesce(flags, '{}') || jsonb_build_object('deaths', deaths),
      run_at = case
        when deaths <= $3::int then run_at
        else now() + random() * least($4::float8 * power(2, deaths - $3::int - 1), $5::float8) * interval '1 ms'
      end,
      attempts = case when is_over then tries else greatest(attempts - 1, 0) end,
      max_attempts = case when is_over then tries else max_attempts end,
      last_error = case when is_over then format('Its worker died %s times', deaths) else last_error end
    from judged
    where jobs.id = judged.id
    returning is_over
  )
  select count(*)::int as released, count(*) filter (where is_over)::int as "givenUp" from rescued`,
)

/**
 * Releases the jobs that a worker holds in the database, each with the attempt it was on, except those in `heldIds`. These are
 * jobs whose fetch never reached the worker, or all jobs of a worker that has ended. A flag tells that one may have run.
 *
 * @param lockedForMs only jobs that have been held for at least this long
 * @returns how many jobs were released
 */
export async function releaseUnheldJobs(
  on: Queryable,
  poolIds: readonly string[],
  heldIds: readonly string[],
  lockedForMs: number,
): Promise<number> {
  const [row] = await releaseUnheld(on, poolIds, heldIds, lockedForMs)
  return row!.released
}

const releaseUnheld = prepare<unknown[], { released: number }>(
  'release-unheld-jobs',
  `with released as (
    update graphile_worker._private_jobs
    set
      locked_at = null,
      locked_by = null,
      attempts = greatest(attempts - 1, 0),
      flags = coalesce(flags, '{}') || '{"released": true}'
    where locked_by = any ($1::text[]) and locked_at < now() - $3::float8 * interval '1 ms' and id <> all ($2::bigint[])
    returning id
  )
  select count(*)::int as released from released`,
)
