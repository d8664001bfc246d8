import { Gauge, type Registry } from 'prom-client'
import { isFinal } from '../domain/order-status.ts'
import type { ServiceStatus } from '../domain/service-status.ts'
import type { Logger } from './logger.ts'
import { readAtScrape } from './read-at-scrape.ts'

/**
 * Shows what waits in the database and who works on it: each process shows the same. While the database is away or slow,
 * it shows what it last read.
 */
export function measureQueue(
  registry: Registry,
  readStatus: () => Promise<ServiceStatus>,
  logger: Logger,
): void {
  const gauge = <Label extends string>(name: string, help: string, labelNames: Label[] = []) =>
    new Gauge({ name, help, labelNames, registers: [registry], collect: () => read() })

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

  const read = readAtScrape(logger, async () => {
    const status = await readStatus()
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
}
