import { isContention } from '../database/unavailable.ts'
import { servingPayload } from '../use-cases/job-payloads.ts'
import { hasSuspects, serveOneByOne, serveWaiting } from '../use-cases/orders/serve-waiting.ts'
import { defineTask, isAway } from './define-task.ts'

/** Some ten seconds after the first. Meanwhile the queue stands still, and new orders of the SKU with it. */
const ONE_BY_ONE_FROM_TRY = 3
/** One crash may have any cause; a queue that has seen two may have the order that causes them at its head. */
const ONE_BY_ONE_AFTER_WORKER_DEATHS = 2

/**
 * Serves those who wait for a SKU, in one pass; where there are more it writes the next job. A pass that fails for another
 * reason than others at work must not hold up the queue for long: its orders are then served one by one, and the order at fault fails
 * alone. If the queue has an order that could be neither served nor failed before, that is done at once.
 */
export const serveWaitingTask = defineTask('serve-waiting', servingPayload, async ({ app }, { sku }, job) => {
  const isTransient = (error: unknown) => isAway(error) || (isContention(error) && !job.isLastTry)
  const serveEach = () => serveOneByOne(app, { sku, job, isTransient })
  // who ends its worker each time is at the head once those before it are served
  if (job.workerDeaths >= ONE_BY_ONE_AFTER_WORKER_DEATHS) await serveEach()
  try {
    await serveWaiting(app, { sku, job })
  } catch (error) {
    if (isTransient(error)) throw error
    if (job.attempt < ONE_BY_ONE_FROM_TRY && !(await hasSuspects(app, sku))) throw error
    app.logger.warn({ err: error, sku }, 'queue could not be served together, served one by one')
    await serveEach()
    await serveWaiting(app, { sku, job })
  }
})
