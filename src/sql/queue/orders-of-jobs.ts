import { isFinal, ORDER_STATUSES } from '../../domain/orders/order-status.ts'
import { JOB_TASKS } from '../../domain/upkeep/jobs.ts'

// Which job an order needs, as in `nextJob`, for statements that look for lost jobs. It reads graphile-worker's private
// tables, because the public view has no payload.

/** The states in which an order needs a job. */
export const OPEN_STATUSES = ORDER_STATUSES.filter((status) => !isFinal(status))

/**
 * The `step` in the payload of the job that an order needs: the number of the scheduled supplier call, or '' for a PENDING
 * order. It is text, because a payload may have been written by hand.
 */
export function neededStepOf(order: string): string {
  return `case ${order}.status when 'PENDING' then '' else ${order}.supplier_step::text end`
}

/**
 * Every order that a job is about, with the job's step: `order_id` and `step`, both text. Only jobs of our tasks that are not
 * put aside.
 */
export const ORDERS_OF_JOBS = `
  select named.order_id, coalesce(named.step, '') as step
  from graphile_worker._private_jobs as jobs
  join graphile_worker._private_tasks as tasks on tasks.id = jobs.task_id
  cross join lateral (
    select jobs.payload ->> 'orderId' as order_id, jobs.payload ->> 'step' as step
    union all
    select each ->> 'orderId', each ->> 'step'
    from json_array_elements(
      case json_typeof(jobs.payload -> 'orders') when 'array' then jobs.payload -> 'orders' end
    ) as each
  ) as named
  where tasks.identifier in (${JOB_TASKS.map((task) => `'${task}'`).join(', ')})
    and not coalesce(jobs.flags ? 'aside', false)`
