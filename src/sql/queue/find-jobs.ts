import { readOrigin, traceIdOf } from '../../domain/origin.ts'
import { JOB_TASKS, type OrderJob } from '../../domain/upkeep/jobs.ts'
import { prepare, type Queryable } from '../statement.ts'

// These statements use graphile-worker's private tables, because its public view has no payload. A test pins their columns.

/** Whether there are more jobs than `max`, of whatever task. */
export async function isQueueLonger(on: Queryable, max: number): Promise<boolean> {
  const [row] = await count(on, max + 1)
  return Number(row!.count) > max
}

const count = prepare<[max: number], { count: bigint }>(
  'count-jobs',
  'select count(*) as count from (select from graphile_worker._private_jobs limit $1) as first',
)

/**
 * Finds the jobs that name orders, oldest first, among the first `max` of the queue: no index knows what is in a payload.
 *
 * @returns also those that have used up their tries
 */
export async function findJobsOf(
  on: Queryable,
  orderIds: readonly string[],
  max: number,
): Promise<OrderJob[]> {
  const rows = await findOf(on, orderIds, max, JOB_TASKS)
  return rows.map(({ origin, ...job }) => ({
    ...job,
    traceId: traceIdOf({ id: job.orderId }, readOrigin(origin)),
  }))
}

const findOf = prepare<
  [orderIds: readonly string[], max: number, tasks: readonly string[]],
  Omit<OrderJob, 'traceId'> & { origin: unknown }
>(
  'find-jobs-of',
  `select
    jobs.id::text, named.order_id as "orderId", tasks.identifier as task, jobs.run_at as "runAt",
    jobs.attempts::int, jobs.max_attempts::int as "attemptsMax", jobs.last_error as error,
    jobs.locked_at as "heldSince", named.origin
  from (
    select id, task_id, payload, run_at, attempts, max_attempts, last_error, locked_at
    from graphile_worker._private_jobs limit $2
  ) as jobs
  join graphile_worker._private_tasks as tasks on tasks.id = jobs.task_id
  cross join lateral (
    select jobs.payload ->> 'orderId' as order_id, jobs.payload -> 'origin' as origin
    union all
    select each ->> 'orderId', each -> 'origin'
    from json_array_elements(
      case json_typeof(jobs.payload -> 'orders') when 'array' then jobs.payload -> 'orders' end
    ) as each
  ) as named
  where named.order_id = any ($1::text[]) and tasks.identifier = any ($3::text[])
  order by jobs.id`,
)
