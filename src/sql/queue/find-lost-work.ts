import type { SupplierRequest } from '../../domain/supplier/supplier-request.ts'
import { JOB_TASKS, type OrderRef } from '../../domain/upkeep/jobs.ts'
import { ADD_SERVING_JOBS, promisableOf, turnOf } from '../orders/waiting-queue.ts'
import { prepare, type Queryable } from '../statement.ts'
import { REQUEST_COLUMNS } from '../supplier/supplier-requests.ts'
import { NEEDED_JOBS, ORDERS_OF_JOBS, SERVED_SKUS } from './orders-of-jobs.ts'

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

/** What lost its job: a PENDING order, or what a supplier was asked for. */
export type Orphan = { order: OrderRef; request: null } | { order: null; request: SupplierRequest }

/**
 * Finds PENDING orders, and what suppliers were asked for and have not answered, whose next job does not exist; by order. A job
 * for an earlier call does not count, because it will do nothing.
 *
 * A healthy order is never found: each transition enqueues the next job in its own transaction, a job is deleted only after
 * that commit, and one statement sees one snapshot.
 */
export async function findOrphans(on: Queryable, limit: number): Promise<Orphan[]> {
  const rows = await findOrphaned(on, limit)
  return rows.map(({ pendingId, lines, ...request }) => {
    if (pendingId === null) return { order: null, request }
    return { order: lines === 1 ? { orderId: pendingId } : { orderId: pendingId, lines }, request: null }
  })
}

// `except` sorts or hashes both sides, whatever the planner takes their sizes for: `not exists` became a loop over every job
// for each order, 40 s with 20,000 of either
const findOrphaned = prepare<[limit: number], SupplierRequest & { pendingId: string | null; lines: number }>(
  'find-orphans',
  `with orphaned as materialized (
    select order_id::uuid as order_id, sku from (
      select needed.order_id, needed.sku, needed.step from (${NEEDED_JOBS}) as needed
      except
      select jobs.order_id, jobs.sku, jobs.step from (${ORDERS_OF_JOBS}) as jobs
    ) as lost
    order by order_id
    limit $1
  )
  select
    case orphaned.sku when '' then orphaned.order_id end as "pendingId",
    (select count(*)::int from order_lines where order_lines.order_id = orphaned.order_id) as lines,
    ${REQUEST_COLUMNS}
  from orphaned
  left join supplier_requests as requests on requests.order_id = orphaned.order_id and requests.sku = orphaned.sku
  order by orphaned.order_id`,
)

/**
 * Has queues served that lost their job, or their mark while somebody who waits there may fit.
 *
 * @returns their SKUs
 */
export const requeueLostQueues = prepare<[limit: number], { sku: string }>(
  'requeue-lost-queues',
  // from SKU to SKU by an index that only lines that wait are in, however many do
  `with recursive queued as (
    (
      select sku, queued_qty as smallest from order_lines
      where queued_qty is not null order by sku, queued_qty limit 1
    )
    union all
    select following.sku, following.smallest
    from queued
    cross join lateral (
      select order_lines.sku, order_lines.queued_qty as smallest from order_lines
      where order_lines.queued_qty is not null and order_lines.sku > queued.sku
      order by order_lines.sku, order_lines.queued_qty limit 1
    ) as following
  ), added as (
    insert into serving (sku)
    select queued.sku from queued
    where queued.smallest <= ${promisableOf('queued.sku')}
      and not exists (select from serving where serving.sku = queued.sku)
      and exists ${turnOf('queued.sku', '1')}
    order by queued.sku limit $1
    on conflict do nothing
    returning sku
  ), jobless as (
    select sku from serving where sku not in (select served.sku from (${SERVED_SKUS}) as served where served.sku is not null)
  ), marked as (
    select sku from (select sku from added union select sku from jobless) as lost order by sku limit $1
  ), jobs as materialized (
    -- once, and not for each row that it is joined with
    select count(*) from ${ADD_SERVING_JOBS}
  )
  select marked.sku from marked, jobs`,
)

// each kind has an index
const isOverdue = (attempts: string) => `exists (
    select from webhook_deliveries as deliveries
    where deliveries.webhook_id = webhooks.id and deliveries.status = 'PENDING' and deliveries.${attempts}
      and deliveries.next_attempt_at < now() - $1::float8 * interval '1 ms'
      and (webhooks.status = 'ACTIVE' or deliveries.event_type = 'webhook.test')
  )`

/** Finds active webhooks with deliveries that have been due for a while, and no job that would send them. */
export const findUnsent = prepare<[overdueMs: number, jobWithinMs: number, limit: number], { id: string }>(
  'find-unsent-webhooks',
  `select webhooks.id from webhooks
  where (${isOverdue('attempts = 0')} or ${isOverdue('attempts > 0')}) and not exists (
    select from graphile_worker._private_jobs as jobs
    join graphile_worker._private_tasks as tasks on tasks.id = jobs.task_id
    where tasks.identifier = 'send-webhooks' and jobs.payload ->> 'webhookId' = webhooks.id::text
      and (jobs.locked_at is not null or (
        jobs.run_at <= now() + $2::float8 * interval '1 ms' and jobs.attempts < jobs.max_attempts
      ))
  )
  order by webhooks.id limit $3`,
)

/** A job that has used up its tries and that nobody holds. */
export type DeadJob = {
  id: string
  task: string
  payload: unknown
  attempts: number
  error: string | null
  createdAt: Date
}

/**
 * Locks dead jobs of our tasks that are not put aside, oldest first.
 *
 * @param among only these, if they are still dead; null for all
 * @param passedOver these are left out
 */
export function lockDeadJobs(
  on: Queryable,
  page: { among: readonly string[] | null; passedOver: readonly string[]; limit: number },
): Promise<DeadJob[]> {
  return lockDead(on, page.limit, JOB_TASKS, page.among, page.passedOver)
}

const lockDead = prepare<
  [limit: number, tasks: readonly string[], among: readonly string[] | null, passedOver: readonly string[]],
  DeadJob
>(
  'lock-dead-jobs',
  `select jobs.id::text, tasks.identifier as task, jobs.payload, jobs.attempts, jobs.last_error as error,
    jobs.created_at as "createdAt"
  from graphile_worker._private_jobs as jobs
  join graphile_worker._private_tasks as tasks on tasks.id = jobs.task_id
  where jobs.attempts >= jobs.max_attempts and jobs.locked_at is null
    and tasks.identifier = any ($2::text[])
    and not coalesce(jobs.flags ? 'aside', false)
    and ($3::bigint[] is null or jobs.id = any ($3::bigint[])) and jobs.id <> all ($4::bigint[])
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
