import type { App } from '../app.ts'
import { JOB_ATTEMPTS_MAX, type OrderRef } from '../domain/upkeep/jobs.ts'

/** Intakes that are being reserved at once. Beyond it a process is behind, and orders wait for their turn in the queue. */
const UNDER_WAY_MAX = 10
const JOB = { task: 'reserve-inventory', attempt: 1 } as const

/**
 * Reserves orders in the process that has just created them, where a worker runs in it: nobody has to hear of their job and
 * fetch it. The job is due a little later, for what this process does not get to, and is completed with the reservation.
 */
export function createHeadStart(app: App, isWorking: () => boolean) {
  let underWay = 0
  return {
    isPossible: () => underWay < UNDER_WAY_MAX && isWorking(),
    /** Begins to reserve the orders of a delayed job. What fails is left to that job: this never throws. */
    run: async (jobId: string, orders: readonly OrderRef[]): Promise<void> => {
      const startedAtMs = performance.now()
      const reserve = () =>
        app.groups.reserveInventory.submit(orders.map((order) => ({ ...order, job: JOB, jobId })))
      underWay++
      try {
        await (app.tracing ? app.tracing.job(JOB, orders, reserve) : reserve())
        const durationMs = performance.now() - startedAtMs
        app.onJobRun({ ...JOB, outcome: 'done', durationMs, attemptsMax: JOB_ATTEMPTS_MAX, orders })
      } catch (error) {
        app.logger.debug({ err: error, orders: orders.length }, 'orders left to their job')
      } finally {
        underWay--
      }
    },
  }
}

export type HeadStart = ReturnType<typeof createHeadStart>
