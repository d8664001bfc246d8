import { servingPayload } from '../use-cases/job-payloads.ts'
import { serveWaiting } from '../use-cases/orders/serve-waiting.ts'
import { defineTask } from './define-task.ts'

/** Serves those who wait for a SKU, in one pass; where there are more it writes the next job. */
export const serveWaitingTask = defineTask('serve-waiting', servingPayload, ({ app }, { sku }, job) =>
  serveWaiting(app, { sku, job }),
)
