import { inTransaction, type Tx } from '../../../database/transaction.ts'
import { assertAllowed } from '../../../domain/authorisation.ts'
import type { Caller } from '../../../domain/caller.ts'
import { CallError } from '../../../domain/errors.ts'
import { REPLACED_SECRETS_MAX } from '../../../limits.ts'
import { countReplacedSecrets, replaceSecret } from '../../../sql/webhooks/webhooks.ts'
import { createSecret } from '../secret-box.ts'
import type { WebhookContext } from '../webhook-context.ts'
import { lockWebhook, unknownWebhook, type WebhookResult } from './webhook-input.ts'

/** A day, in which a receiver takes the new secret over: until then the old one signs as well. */
const SECRET_OVERLAP_MS = 24 * 3_600_000

/**
 * Gives a webhook a new secret. For 24 h the old one signs as well, also where it is followed by a third.
 *
 * @param caller an operator
 * @throws {CallError} BAD_USER_INPUT while REPLACED_SECRETS_MAX that were replaced sign, FORBIDDEN for other roles
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
    await assertRotates(tx, webhook.id)
    const secret = createSecret()
    await replaceSecret(tx, webhook.id, context.secretBox.seal(secret, webhook.id), SECRET_OVERLAP_MS)
    return { webhook, secret, userErrors: [] }
  })
}

/** None is cut off to make room: a receiver may know it alone. */
async function assertRotates(tx: Tx, id: string): Promise<void> {
  const count = await countReplacedSecrets(tx, id)
  if (count < REPLACED_SECRETS_MAX) return
  throw new CallError(
    'BAD_USER_INPUT',
    `${count} secrets that were replaced in the last 24 h still sign, and ${REPLACED_SECRETS_MAX} at most: wait until the oldest is over`,
  )
}
