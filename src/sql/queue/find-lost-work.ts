import type { Order } from '../../domain/orders/order.ts'
import { JOB_TASKS } from '../../domain/upkeep/jobs.ts'
import { ORDER_COLUMNS, prepare, type Queryable } from '../statement.ts'
import { neededStepOf, OPEN_STATUSES, ORDERS_OF_JOBS } from './orders-of-jobs.ts'

// These statements use graphile-worker's private tables, because its public view has no payload. A test pins their columns.

/** The key of an advisory lock: any number that nothing else uses. */
const SWEEP_LOCK = 4_716_253_909

/** Takes the sweep's lock until the transaction ends. @returns false if another process holds it */
export async function tryLockSweep(on: Queryable): Promise<boolean> {
  const [row] = await tryLock(on, SWEEP_LOCK)
  return row!.locked
}

const tryLock = prepare<[lock: number], { locked: boolean }>(
  'try-lock-sweep',
  'select pg_try_advisory_xact_lock($1::bigint) as locked',
)

/**
 * Finds orders that are not final and whose next job does not exist, oldest first. A job for an earlier step does not count,
 * because it will do nothing.
 *
 * A healthy order is never found: each transition enqueues the next job in its own transaction, a job is deleted only after
 * that commit, and one statement sees one snapshot.
 */
export function findOrphanedOrders(on: Queryable, limit: number): Promise<Order[]> {
  return findOrphaned(on, limit, OPEN_STATUSES)
}

// `except` sorts or hashes both sides, whatever the planner takes their sizes for: `not exists` became a loop over every job
// for each order, 40 s with 20,000 of either. The open orders are read by a range of each state, behind `offset 0`: no
// statistics of the past make the planner read all that are done
const findOrphaned = prepare<[limit: number, statuses: readonly string[]], Order>(
  'find-orphaned-orders',
  `with orphaned as materialized (
    select id from (
      select open.id::text collate "C" as id, ${neededStepOf('open')} as step
      from unnest($2::order_status[]) as listed (status)
      cross join lateral (
        select orders.id, orders.status, orders.supplier_step from orders
        where orders.status between listed.status and listed.status
        offset 0
      ) as open
      except
      select jobs.order_id collate "C", jobs.step from (${ORDERS_OF_JOBS}) as jobs
    ) as lost
    order by id
    limit $1
  )
  select ${ORDER_COLUMNS} from orphaned join orders on orders.id = orphaned.id::uuid order by orders.id`,
)

/** A job that has used up its tries and that nobody holds. */
export type DeadJob = { id: string; task: string; payload: unknown; attempts: number; error: string | null }

/** Locks dead jobs of our tasks that are not put aside, oldest first. */
export function lockDeadJobs(on: Queryable, limit: number): Promise<DeadJob[]> {
  return lockDead(on, limit, JOB_TASKS)
}

const lockDead = prepare<[limit: number, tasks: readonly string[]], DeadJob>(
  'lock-dead-jobs',
  `select jobs.id::text, tasks.identifier as task, jobs.payload, jobs.attempts, jobs.last_error as error
  from graphile_worker._private_jobs as jobs
  join graphile_worker._private_tasks as tasks on tasks.id = jobs.task_id
  where jobs.attempts >= jobs.max_attempts and jobs.locked_at is null
    and tasks.identifier = any ($2::text[])
    and not coalesce(jobs.flags ? 'aside', false)
  order by jobs.id
  limit $1
  for update of jobs skip locked`,
)

/** Marks dead jobs whose payload names no order: they stay for an operator, and the sweep does not find them again. */
export async function putDeadJobsAside(on: Queryable, jobIds: readonly string[]): Promise<void> {
  if (jobIds.length > 0) await putAside(on, jobIds)
}

const putAside = prepare<[ids: readonly string[]]>(
  'put-dead-jobs-aside',
  `update graphile_worker._private_jobs set flags = coalesce(flags, '{}') || '{"aside": true}'
  where id = any ($1::bigint[])`,
)

/** Deletes idempotency keys older than `ageMs`, at most `limit` of them. @returns those */
export const deleteOldKeys = prepare<[ageMs: number, limit: number], { key: string }>(
  'delete-old-keys',
  `with old as materialized (
    select caller, key from idempotency_keys
    where created_at < now() - $1::float8 * interval '1 ms' order by created_at limit $2
  )
  delete from idempotency_keys using old
  where idempotency_keys.caller = old.caller and idempotency_keys.key = old.key
  returning idempotency_keys.key`,
)
