import { WEBHOOK_UNREADABLE_DELAY_MS } from '../../limits.ts'
import { sendingPayload } from '../../use-cases/job-payloads.ts'
import { wakeSender } from '../../use-cases/webhooks/wake-sender.ts'
import { defineTask } from '../define-task.ts'
import { WebhookSender } from './webhook-sender.ts'

/**
 * Sends what is due of a webhook. One job sends for all: another that comes meanwhile wakes the first, and is done. So a webhook
 * takes one place of the runner, however much of it is due, and however long its receiver takes.
 */
export const sendWebhooksTask = defineTask(
  'send-webhooks',
  sendingPayload,
  async ({ app, webhooks }, { webhookId }) => {
    const { client, senders, stopping } = webhooks
    const underWay = senders.get(webhookId)
    if (underWay) return underWay.wake()
    const onEnd = () => senders.delete(webhookId)
    const sender = new WebhookSender({ app, client, webhookId, stopping, onEnd })
    senders.set(webhookId, sender)
    const isUnreadable = await sender.run()
    await wakeSender(app, webhookId, isUnreadable ? WEBHOOK_UNREADABLE_DELAY_MS : 0)
  },
)
