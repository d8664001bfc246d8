import { inTransaction } from '../../../database/transaction.ts'
import { assertAllowed } from '../../../domain/authorisation.ts'
import type { Caller } from '../../../domain/caller.ts'
import { testEventId } from '../../../domain/webhooks/event-id.ts'
import { WEBHOOK_TEST } from '../../../domain/webhooks/event-names.ts'
import type { Delivery } from '../../../domain/webhooks/webhook.ts'
import { addJobs } from '../../../sql/queue/add-jobs.ts'
import { insertDeliveries } from '../../../sql/webhooks/deliveries.ts'
import { newId } from '../../new-id.ts'
import type { WebhookContext } from '../webhook-context.ts'
import { type DeliveriesResult, lockWebhook, unknownWebhook } from './webhook-input.ts'

/**
 * Sends a webhook a test, also one that is paused or disabled. A worker sends it at once, and sends again like any other.
 *
 * @param caller an operator
 * @returns the delivery, which is pending
 * @throws {CallError} FORBIDDEN for other roles
 */
export async function testWebhook(
  context: WebhookContext,
  caller: Caller,
  id: string,
): Promise<DeliveriesResult<Delivery>> {
  assertAllowed(caller, 'writeWebhooks')
  return inTransaction(context, 'test-webhook', async (tx) => {
    const webhook = await lockWebhook(tx, id)
    if (!webhook) return { deliveries: [], ...unknownWebhook(id, 'id') }
    const delivery = {
      id: newId(),
      webhookId: webhook.id,
      eventId: testEventId(newId()),
      eventType: WEBHOOK_TEST,
    } as const
    const deliveries = await insertDeliveries(tx, [delivery])
    await addJobs(tx, [{ task: 'send-webhooks', payload: { webhookId: webhook.id } }])
    return { deliveries, userErrors: [] }
  })
}
