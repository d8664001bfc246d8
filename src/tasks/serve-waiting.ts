import { isContention } from '../database/unavailable.ts'
import { servingPayload } from '../use-cases/job-payloads.ts'
import { serveOneByOne, serveWaiting } from '../use-cases/orders/serve-waiting.ts'
import { defineTask, isAway } from './define-task.ts'

/** Some ten seconds after the first. Meanwhile the queue stands still, and new orders of the SKU with it. */
const ONE_BY_ONE_FROM_TRY = 3

/**
 * Serves those who wait for a SKU, in one pass; where there are more it writes the next job. A pass that fails for another
 * reason than others at work must not hold up the queue for long: those of the pass are served one by one, and who is at fault fails
 * alone.
 */
export const serveWaitingTask = defineTask('serve-waiting', servingPayload, async ({ app }, { sku }, job) => {
  try {
    await serveWaiting(app, { sku, job })
  } catch (error) {
    if (isTransient(error) || job.attempt < ONE_BY_ONE_FROM_TRY) throw error
    app.logger.warn({ err: error, sku }, 'queue could not be served together, served one by one')
    await serveOneByOne(app, { sku, job, isTransient })
    await serveWaiting(app, { sku, job })
  }
})

function isTransient(error: unknown): boolean {
  return isAway(error) || isContention(error)
}
