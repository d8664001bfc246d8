import { isFinal } from '../../domain/orders/order-status.ts'
import type { Count, ServiceStatus } from '../../domain/upkeep/service-status.ts'
import type { DatabaseFigures } from './database-figures.ts'

/** Shows the queue, workers, dead letters, holds, and those who wait. Every process shows the same. */
export function measureQueue(figures: DatabaseFigures, readStatus: () => Promise<ServiceStatus>): void {
  const gauge = figures.group('status', readStatus, (status) => {
    for (const { task, ready, scheduled, held, oldestReadyAgeS } of status.queue) {
      if (!isUnknown(ready)) {
        jobs.set({ task, state: 'ready' }, ready.count)
        age.set({ task }, oldestReadyAgeS ?? 0)
      }
      if (!isUnknown(scheduled)) jobs.set({ task, state: 'scheduled' }, scheduled.count)
      jobs.set({ task, state: 'held' }, held)
    }
    for (const state of ['ready', 'scheduled'] as const) {
      cutOff.set({ state }, status.queue.some((task) => task[state].isEstimate) ? 1 : 0)
    }
    workers.set(status.workers.filter(({ isAlive }) => isAlive).length)
    deadLetters.set(status.openDeadLetters.count)
    for (const { status: state, count, oldestOpenAgeS } of status.orders) {
      if (!isFinal(state)) orderAge.set({ status: state }, oldestOpenAgeS ?? 0)
      if (state === 'AWAITING_RESTOCK') waiting.set(count.count)
    }
    requestAge.set(status.oldestRequestAgeS ?? 0)
    markAge.set(status.oldestMarkAgeS)
    holds.set(status.holds.open.count)
    overdue.set(status.holds.overdueS)
  })
  const jobs = gauge(
    'holdfast_queue_jobs',
    'Jobs by task: ready, scheduled for later, or held by a worker. Counts the first 10,000 of a longer queue; a task with none of them has no value',
    ['task', 'state'],
  )
  const cutOff = gauge(
    'holdfast_queue_jobs_cut_off',
    '1 while more than 10,000 jobs are ready, or scheduled, over all tasks: the rest is not counted',
    ['state'],
  )
  const age = gauge(
    'holdfast_queue_oldest_ready_job_age_seconds',
    'Time that the oldest ready job of a task has waited. 0 without a ready job, no value if it is not among the first 10,000',
    ['task'],
  )
  const workers = gauge('holdfast_workers_alive', 'Workers with a heartbeat in the last 8 s')
  const deadLetters = gauge(
    'holdfast_dead_letters_open',
    'Dead letters not retried yet. An estimate beyond 10,000',
  )
  const orderAge = gauge(
    'holdfast_oldest_open_order_age_seconds',
    'Age of the oldest order in each state that is not final. 0 without one',
    ['status'],
  )
  const waiting = gauge(
    'holdfast_waiting_orders',
    'Orders that are short and wait. An estimate beyond 10,000',
  )
  const requestAge = gauge(
    'holdfast_oldest_supplier_request_age_seconds',
    'Time since a supplier was asked for the oldest order without its last answer. 0 without one',
  )
  const markAge = gauge(
    'holdfast_oldest_serving_mark_age_seconds',
    'Time that the queue of a SKU has been served without a pause. 0 while none is',
  )
  const holds = gauge('holdfast_holds_open', 'Holds that have not expired. An estimate beyond 10,000')
  const overdue = gauge(
    'holdfast_hold_overdue_seconds',
    'Time since the expiry of the first hold that is not released yet. 0 without one',
  )
}

/** Whether the count stopped before it found any: there may be none, or thousands. */
function isUnknown({ count, isEstimate }: Count): boolean {
  return count === 0 && isEstimate
}
