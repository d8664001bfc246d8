import { isCollision } from '../database/retry-collisions.ts'
import { isUnavailable } from '../database/unavailable.ts'
import { reservationPayload } from '../use-cases/job-payloads.ts'
import { splitReservation } from '../use-cases/orders/reserve-inventory.ts'
import { defineTask } from './define-task.ts'

/** A few crashes in a row may come from anywhere; a job that has seen two may hold the order that causes them. */
const SPLIT_AFTER_WORKER_DEATHS = 2

/**
 * Reserves the orders of a job, together with whatever else is to be reserved at this moment. Orders that cannot be
 * reserved together get a job each: tries, back-off and dead letter are then the guilty order's own.
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
      const isTriedAgain = isCollision(error) && !job.isLastTry
      if (orders.length === 1 || isUnavailable(error) || isTriedAgain) throw error
      app.logger.warn(
        { err: error, orders: orders.length },
        'orders not reserved together, job split',
      )
      await splitReservation(app, orders)
    }
  },
)
