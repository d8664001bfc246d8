import { JOB_TASKS, type Job } from '../../domain/upkeep/jobs.ts'

// Which jobs there have to be, and which there are, for statements that look for lost jobs. They read graphile-worker's private
// tables, because the public view has no payload. All columns are text, because a payload may have been written by hand.

/**
 * The jobs that must exist: `order_id`, and for what a supplier was asked for `sku` and `step`, which are '' for a PENDING order.
 *
 * The open orders are read by a range of an index, behind `offset 0`: no statistics of the past make the planner read all that
 * are done.
 */
export const NEEDED_JOBS = `
  select pending.id::text collate "C" as order_id, '' collate "C" as sku, '' collate "C" as step
  from unnest(array['PENDING']::order_status[]) as listed (status)
  cross join lateral (
    select orders.id from orders
    where orders.status between listed.status and listed.status and orders.status < 'FAILED'
    offset 0
  ) as pending
  -- one that waits for its turn in a queue is looked at by the job that serves it
  where not exists (
    select from order_lines where order_lines.order_id = pending.id and order_lines.queued_qty is not null
  )
  union all
  select order_id::text collate "C", sku collate "C", step::text collate "C" from supplier_requests where ended_at is null`

/** The SKUs that jobs serve the queues of. */
export const SERVED_SKUS = `
  select jobs.payload ->> 'sku' as sku
  from graphile_worker._private_jobs as jobs
  join graphile_worker._private_tasks as tasks on tasks.id = jobs.task_id
  where tasks.identifier = '${'serve-waiting' satisfies Job['task']}'`

const UUID = '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'

/**
 * Every order that a job is about, with the columns of NEEDED_JOBS. Only jobs of our tasks that are not put aside. Jobs that
 * versions before 0.3 wrote have no SKU: their orders have one line.
 */
export const ORDERS_OF_JOBS = `
  select
    named.order_id collate "C" as order_id,
    case
      when named.step is null then ''
      when named.sku is null then coalesce((
        select order_lines.sku from order_lines
        where order_lines.order_id = case when named.order_id ~ '${UUID}' then named.order_id::uuid end limit 1
      ), '')
      else named.sku
    end collate "C" as sku,
    coalesce(named.step, '') collate "C" as step
  from graphile_worker._private_jobs as jobs
  join graphile_worker._private_tasks as tasks on tasks.id = jobs.task_id
  cross join lateral (
    select jobs.payload ->> 'orderId' as order_id, jobs.payload ->> 'sku' as sku, jobs.payload ->> 'step' as step
    union all
    select each ->> 'orderId', null, null
    from json_array_elements(
      case json_typeof(jobs.payload -> 'orders') when 'array' then jobs.payload -> 'orders' end
    ) as each
  ) as named
  where tasks.identifier in (${JOB_TASKS.map((task) => `'${task}'`).join(', ')})
    and named.order_id is not null
    and not coalesce(jobs.flags ? 'aside', false)`
