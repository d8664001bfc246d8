import { JOB_ATTEMPTS_MAX } from '../domain/upkeep/jobs.ts'
import type { HeadStart } from '../use-cases/orders/order-intake.ts'
import type { TaskApp } from './define-task.ts'
import { beginJobRun, inJobSpan } from './job-observer.ts'

/** Jobs being reserved at once. With more, the process is behind: new orders go through the queue. */
const UNDER_WAY_MAX = 10
const JOB = { task: 'reserve-inventory', attempt: 1 } as const

/**
 * Makes the head start: a process that runs a worker reserves the orders it created without fetching their job. The job is due
 * a little later, in case the process dies first, and the reservation completes it.
 */
export function createHeadStart(app: TaskApp, isWorking: () => boolean): HeadStart {
  let underWay = 0
  return {
    isPossible: () => underWay < UNDER_WAY_MAX && isWorking(),
    run: async (jobId, orders) => {
      const report = beginJobRun(app, { ...JOB, attemptsMax: JOB_ATTEMPTS_MAX })
      const reserve = () =>
        app.groups.reserveInventory.submit(orders.map((order) => ({ ...order, job: JOB, jobId })))
      underWay++
      try {
        await inJobSpan(app, JOB, orders, reserve)
        report({ outcome: 'done', orders })
      } catch (error) {
        app.logger.debug({ err: error, orders: orders.length }, 'head start failed, job will reserve them')
      } finally {
        underWay--
      }
    },
  }
}
