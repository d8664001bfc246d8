import { inTransaction } from '../../../database/transaction.ts'
import { assertAllowed } from '../../../domain/authorisation.ts'
import type { Caller } from '../../../domain/caller.ts'
import { replaceSecret } from '../../../sql/webhooks/webhooks.ts'
import { createSecret } from '../secret-box.ts'
import type { WebhookContext } from '../webhook-context.ts'
import { lockWebhook, unknownWebhook, type WebhookResult } from './webhook-input.ts'

/** A day, in which a receiver takes the new secret over: until then both sign. */
const SECRET_OVERLAP_MS = 24 * 3_600_000

/**
 * Gives a webhook a new secret. For 24 h the old one signs as well; one before it no longer.
 *
 * @param caller an operator
 * @throws {CallError} FORBIDDEN for other roles
 */
export async function rotateWebhookSecret(
  context: WebhookContext,
  caller: Caller,
  id: string,
): Promise<WebhookResult> {
  assertAllowed(caller, 'writeWebhooks')
  return inTransaction(context, 'rotate-webhook-secret', async (tx) => {
    const webhook = await lockWebhook(tx, id)
    if (!webhook) return { webhook: null, secret: null, ...unknownWebhook(id, 'id') }
    const secret = createSecret()
    await replaceSecret(tx, webhook.id, context.secretBox.seal(secret, webhook.id), SECRET_OVERLAP_MS)
    return { webhook, secret, userErrors: [] }
  })
}
