import type { Job } from '../domain/jobs.ts'
import type { Order } from '../domain/order.ts'
import { ORDER_COLUMNS, prepare, type Queryable } from './statement.ts'

// These read graphile-worker's private table: its public view has no payload. The version is pinned, and a test runs each.

/** A number of our own among advisory locks. */
const SWEEP_LOCK = 4_716_253_909

/** Takes the sweeper's lock until the transaction ends. @returns false when another process has it */
export async function tryLockSweep(on: Queryable): Promise<boolean> {
  const [row] = await tryLock(on, [SWEEP_LOCK])
  return row!.locked
}

const tryLock = prepare<{ locked: boolean }>(
  'try-lock-sweep',
  'select pg_try_advisory_xact_lock($1::bigint) as locked',
)

/**
 * Orders that are not final, that nobody has touched for `untouchedMs`, and whose next job does not exist; oldest first.
 * A job for an earlier step of theirs counts for nothing: it will find that it is out of date, and end.
 */
export function findOrphanedOrders(on: Queryable, untouchedMs: number, limit: number): Promise<Order[]> {
  return findOrphaned(on, [untouchedMs, limit])
}

const findOrphaned = prepare<Order>(
  'find-orphaned-orders',
  `select ${ORDER_COLUMNS} from orders
  where status in ('PENDING', 'AWAITING_RESTOCK')
    and updated_at < now() - $1::float8 * interval '1 ms'
    -- as nextJob has it: the job of a supplier's step carries its number, that of a PENDING order none
    and not exists (
      select from graphile_worker._private_jobs as jobs
      where jobs.payload ->> 'orderId' = orders.id::text
        and coalesce(jobs.payload ->> 'step', '') = case orders.status when 'PENDING' then '' else orders.supplier_step::text end
    )
  order by id
  limit $2`,
)

/** A job that will not run again by itself: it has used up its attempts, and nobody holds it. */
export type DeadJob = Job & { id: string; attempts: number; error: string | null }

/** Dead jobs, oldest first, locked until the transaction ends. */
export function lockDeadJobs(on: Queryable, limit: number): Promise<DeadJob[]> {
  return lockDead(on, [limit])
}

const lockDead = prepare<DeadJob>(
  'lock-dead-jobs',
  `select jobs.id::text, tasks.identifier as task, jobs.payload, jobs.attempts, jobs.last_error as error
  from graphile_worker._private_jobs as jobs
  join graphile_worker._private_tasks as tasks on tasks.id = jobs.task_id
  where jobs.attempts >= jobs.max_attempts and jobs.locked_at is null
  order by jobs.id
  limit $1
  for update of jobs skip locked`,
)

/** Takes jobs out of the queue. */
export async function removeJobs(on: Queryable, jobIds: readonly string[]): Promise<void> {
  if (jobIds.length > 0) await remove(on, [jobIds])
}

const remove = prepare('remove-jobs', 'select count(*) from graphile_worker.complete_jobs($1::bigint[])')

/** Deletes idempotency keys older than `ageMs`, at most `limit` of them. @returns how many */
export async function deleteOldKeys(on: Queryable, ageMs: number, limit: number): Promise<number> {
  const [row] = await deleteKeys(on, [ageMs, limit])
  return row!.deleted
}

const deleteKeys = prepare<{ deleted: number }>(
  'delete-old-keys',
  `with old as (
    delete from idempotency_keys where (caller, key) in (
      select caller, key from idempotency_keys
      where created_at < now() - $1::float8 * interval '1 ms' order by created_at limit $2
    )
    returning caller
  )
  select count(*)::int as deleted from old`,
)
