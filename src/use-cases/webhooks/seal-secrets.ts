import { inTransaction } from '../../database/transaction.ts'
import { lockSecrets, writeSecrets } from '../../sql/webhooks/webhooks.ts'
import type { WebhookContext } from './webhook-context.ts'

/**
 * Seals what is stored under the first of the configured keys: secrets from before there was a key, and from before it was replaced.
 * Reports webhooks whose secret none of the keys opens: they cannot be signed for.
 */
export async function sealSecrets(context: WebhookContext): Promise<void> {
  const { secretBox } = context
  const unreadable = await inTransaction(context, 'seal-secrets', async (tx) => {
    const stored = await lockSecrets(tx)
    for (const { id, secret, previousSecret } of stored) {
      const sealed = secretBox.sealAnew(secret, id)
      const previous = previousSecret && secretBox.sealAnew(previousSecret, id)
      if (sealed === secret && previous === previousSecret) continue
      await writeSecrets(tx, { id, secret: sealed, previousSecret: previous })
    }
    return stored.filter(({ id, secret }) => secretBox.open(secret, id) === undefined).map(({ id }) => id)
  })
  if (unreadable.length > 0) context.onWebhooks([{ kind: 'secrets-unreadable', webhookIds: unreadable }])
}
