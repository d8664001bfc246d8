import { isDeepStrictEqual } from 'node:util'
import { inTransaction } from '../../database/transaction.ts'
import { lockSecrets, type SealedSecrets, writeSecrets } from '../../sql/webhooks/webhooks.ts'
import type { SecretBox } from './secret-box.ts'
import type { WebhookContext } from './webhook-context.ts'

/**
 * Seals what is stored under the first of the configured keys: secrets from before there was a key, and from before it was replaced.
 * Reports webhooks whose secret none of the keys opens: they cannot be signed for.
 */
export async function sealSecrets(context: WebhookContext): Promise<void> {
  const { secretBox } = context
  const unreadable = await inTransaction(context, 'seal-secrets', async (tx) => {
    const stored = await lockSecrets(tx)
    for (const secrets of stored) {
      const sealed = sealedAnew(secretBox, secrets)
      if (!isDeepStrictEqual(sealed, secrets)) await writeSecrets(tx, sealed)
    }
    return stored.filter(({ id, secret }) => secretBox.open(secret, id) === undefined).map(({ id }) => id)
  })
  if (unreadable.length > 0) context.onWebhooks([{ kind: 'secrets-unreadable', webhookIds: unreadable }])
}

function sealedAnew(secretBox: SecretBox, { id, secret, replaced }: SealedSecrets): SealedSecrets {
  return {
    id,
    secret: secretBox.sealAnew(secret, id),
    replaced: replaced.map((one) => ({ ...one, secret: secretBox.sealAnew(one.secret, id) })),
  }
}
