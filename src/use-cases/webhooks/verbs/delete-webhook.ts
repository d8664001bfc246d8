import { inTransaction } from '../../../database/transaction.ts'
import { assertAllowed } from '../../../domain/authorisation.ts'
import type { Caller } from '../../../domain/caller.ts'
import { deleteWebhookRow } from '../../../sql/webhooks/webhooks.ts'
import type { WebhookContext } from '../webhook-context.ts'
import { lockWebhook, unknownWebhook, type WebhookResult } from './webhook-input.ts'

/**
 * Deletes a webhook; the sweep deletes its deliveries. A call that is in flight may still arrive.
 *
 * @param caller an operator
 * @returns the webhook as it was
 * @throws {CallError} FORBIDDEN for other roles
 */
export async function deleteWebhook(
  context: WebhookContext,
  caller: Caller,
  id: string,
): Promise<WebhookResult> {
  assertAllowed(caller, 'writeWebhooks')
  return inTransaction(context, 'delete-webhook', async (tx) => {
    const webhook = await lockWebhook(tx, id)
    if (!webhook) return { webhook: null, secret: null, ...unknownWebhook(id, 'id') }
    await deleteWebhookRow(tx, webhook.id)
    return { webhook, secret: null, userErrors: [] }
  })
}
