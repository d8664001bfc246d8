import { prepare, type Queryable } from './statement.ts'

/** Says that a worker is alive, now by the database's clock. */
export async function beat(on: Queryable, workerId: string): Promise<void> {
  await upsertWorker(on, [workerId])
}

const upsertWorker = prepare(
  'beat',
  `insert into workers (id, started_at, seen_at) values ($1, now(), now())
  on conflict (id) do update set seen_at = excluded.seen_at`,
)

/** Forgets workers that have ended in good order and hold no job. */
export async function forgetWorkers(on: Queryable, workerIds: readonly string[]): Promise<void> {
  await deleteWorkers(on, [workerIds])
}

const deleteWorkers = prepare('forget-workers', 'delete from workers where id = any ($1::text[])')

/** Workers that have said nothing for this long. Locked against a second rescuer until the transaction ends. */
export async function lockSilentWorkers(on: Queryable, silenceMs: number): Promise<string[]> {
  return (await lockSilent(on, [silenceMs])).map((row) => row.id)
}

const lockSilent = prepare<{ id: string }>(
  'lock-silent-workers',
  `select id from workers where seen_at < now() - $1::float8 * interval '1 ms' for update skip locked`,
)

/** Holders of jobs that never said they were alive: killed between their first job and their first beat. */
export async function findUnknownHolders(on: Queryable, heldForMs: number): Promise<string[]> {
  return (await findUnknown(on, [heldForMs])).map((row) => row.id)
}

const findUnknown = prepare<{ id: string }>(
  'find-unknown-holders',
  `select distinct locked_by as id from graphile_worker.jobs
  where locked_at < now() - $1::float8 * interval '1 ms'
    and not exists (select from workers where workers.id = locked_by)`,
)

/**
 * Gives the jobs that dead workers hold back to the queue, with the attempt that each was on: a job is not to blame
 * for the death of its worker. By graphile-worker's public functions and view alone.
 *
 * @returns how many jobs are free again
 */
export async function releaseJobs(on: Queryable, workerIds: readonly string[]): Promise<number> {
  const held = await findHeld(on, [workerIds])
  await unlock(on, [workerIds])
  for (const { attempts, ids } of held) await giveAttemptBack(on, [ids, attempts - 1])
  return held.reduce((count, { ids }) => count + ids.length, 0)
}

const findHeld = prepare<{ attempts: number; ids: string[] }>(
  'find-held-jobs',
  `select attempts, array_agg(id::text) as ids from graphile_worker.jobs
  where locked_by = any ($1::text[]) and attempts > 0
  group by attempts`,
)
const unlock = prepare('force-unlock-workers', 'select graphile_worker.force_unlock_workers($1::text[])')
const giveAttemptBack = prepare(
  'give-attempt-back',
  'select count(*) from graphile_worker.reschedule_jobs($1::bigint[], run_at := now(), attempts := $2::int)',
)

/**
 * Gives back jobs that a living worker was given and never got: the fetch was committed and its reply lost. graphile-worker
 * has no public function for single jobs that are held.
 *
 * @param heldIds the jobs that did reach it
 * @returns how many jobs are free again
 */
export async function releaseUnheldJobs(
  on: Queryable,
  workerId: string,
  heldIds: readonly string[],
  lockedForMs: number,
): Promise<number> {
  const [row] = await releaseUnheld(on, [workerId, heldIds, lockedForMs])
  return row!.released
}

const releaseUnheld = prepare<{ released: number }>(
  'release-unheld-jobs',
  `with released as (
    update graphile_worker._private_jobs
    set locked_at = null, locked_by = null, attempts = greatest(attempts - 1, 0)
    where locked_by = $1 and locked_at < now() - $3::float8 * interval '1 ms' and id <> all ($2::bigint[])
    returning id
  )
  select count(*)::int as released from released`,
)
