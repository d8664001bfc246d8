import { WEBHOOK_CLAIM_MS } from '../../limits.ts'
import { addJobs } from '../../sql/queue/add-jobs.ts'
import { sendingPayload } from '../../use-cases/job-payloads.ts'
import { defineTask } from '../define-task.ts'
import { WebhookSender } from './webhook-sender.ts'

/**
 * Sends what is due of a webhook. One job sends for all: another that comes meanwhile wakes the first, and is done. So a webhook
 * takes one place of the runner, however much of it is due, and however long its receiver takes.
 */
export const sendWebhooksTask = defineTask(
  'send-webhooks',
  sendingPayload,
  async ({ app, webhooks }, { webhookId }, job) => {
    const { client, senders, stopping } = webhooks
    const send = (delayMs: number) =>
      addJobs(app.pool, [{ task: 'send-webhooks', payload: { webhookId }, delayMs }])
    // whoever began this may have claimed what it did not send: that is due again when its claims end
    if (job.mayHaveRun) await send(WEBHOOK_CLAIM_MS)
    const underWay = senders.get(webhookId)
    if (underWay) return underWay.wake()
    const onEnd = () => senders.delete(webhookId)
    const sender = new WebhookSender({ app, client, webhookId, stopping, onEnd })
    senders.set(webhookId, sender)
    if (await sender.run()) await send(0)
  },
)
