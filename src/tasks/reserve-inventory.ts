import { isContention } from '../database/unavailable.ts'
import { reservationPayload } from '../use-cases/job-payloads.ts'
import { splitReservation } from '../use-cases/orders/reserve-inventory.ts'
import { defineTask, isAway } from './define-task.ts'

/** One crash may have any cause; a job that has seen two may hold the order that causes them. */
const SPLIT_AFTER_WORKER_DEATHS = 2

/**
 * Reserves the orders of a job, in one transaction with the other jobs that run at this moment. Orders that cannot be reserved
 * together get a job each: tries, back-off and dead letter then belong to the order at fault.
 */
export const reserveInventoryTask = defineTask(
  'reserve-inventory',
  reservationPayload,
  async ({ app }, { orders }, job) => {
    if (orders.length > 1 && job.workerDeaths >= SPLIT_AFTER_WORKER_DEATHS) {
      return splitReservation(app, orders)
    }
    try {
      await app.groups.reserveInventory.submit(orders.map((order) => ({ ...order, job })))
    } catch (error) {
      const isTriedAgain = isContention(error) && !job.isLastTry
      if (orders.length === 1 || isAway(error) || isTriedAgain) throw error
      app.logger.warn(
        { err: error, orders: orders.length },
        'orders could not be reserved together, job split',
      )
      await splitReservation(app, orders)
    }
  },
)
