import { isFinal } from '../domain/order-status.ts'
import type { ServiceStatus } from '../domain/service-status.ts'
import type { DatabaseFigures } from './database-figures.ts'

/** Shows what waits in the database and who works on it: each process shows the same. */
export function measureQueue(figures: DatabaseFigures, readStatus: () => Promise<ServiceStatus>): void {
  const gauge = figures.group('status', readStatus, (status) => {
    for (const { task, ready, scheduled, running, oldestReadyAgeS } of status.queue) {
      jobs.set({ task, state: 'ready' }, ready.count)
      jobs.set({ task, state: 'scheduled' }, scheduled.count)
      jobs.set({ task, state: 'running' }, running)
      age.set({ task }, oldestReadyAgeS ?? 0)
    }
    workers.set(status.workers.filter(({ isAlive }) => isAlive).length)
    deadLetters.set(status.openDeadLetters.count)
    for (const { status: state, oldestOpenAgeS } of status.orders) {
      if (!isFinal(state)) orderAge.set({ status: state }, oldestOpenAgeS ?? 0)
    }
  })
  const jobs = gauge(
    'holdfast_queue_jobs',
    'Jobs by task: ready, scheduled for later, or held by a worker; of a longer queue its first 10,000',
    ['task', 'state'],
  )
  const age = gauge(
    'holdfast_queue_oldest_ready_job_age_seconds',
    'Since when the oldest ready job of a task could run; 0 without one',
    ['task'],
  )
  const workers = gauge('holdfast_workers_alive', 'Workers that have said that they are alive')
  const deadLetters = gauge('holdfast_dead_letters_open', 'Dead letters that nobody has retried')
  const orderAge = gauge(
    'holdfast_oldest_open_order_age_seconds',
    'Since the creation of the oldest order in a state that is not final; 0 without one',
    ['status'],
  )
}
