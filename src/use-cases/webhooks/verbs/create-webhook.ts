import { assertAllowed } from '../../../domain/authorisation.ts'
import type { Caller } from '../../../domain/caller.ts'
import { CallError } from '../../../domain/errors.ts'
import { hasOrderEvents } from '../../../domain/webhooks/event-names.ts'
import { WEBHOOKS_MAX } from '../../../limits.ts'
import { notifyOfWebhooks } from '../../../sql/orders/notify-watchers.ts'
import { insertWebhook, lockWebhookCount, lockWebhooks } from '../../../sql/webhooks/webhooks.ts'
import { assertKey } from '../../assert-key.ts'
import { fingerprintOf } from '../../fingerprint.ts'
import { newId } from '../../new-id.ts'
import { type KeyedResult, runOncePerKey } from '../../run-once-per-key.ts'
import { createSecret } from '../secret-box.ts'
import type { WebhookContext } from '../webhook-context.ts'
import { assertEvents, refuseUrl, unknownWebhook, type WebhookResult } from './webhook-input.ts'

export type CreateWebhookRequest = {
  url: string
  events: readonly string[]
  /** A repeat under the same key answers with the webhook as it now is, without its secret. */
  idempotencyKey?: string | null
}

/** A result without a webhook. */
const NO_WEBHOOK = { webhook: null, secret: null } as const

/**
 * Creates a webhook. Events of what begins after this are sent to it.
 *
 * @param caller an operator
 * @throws {CallError} BAD_USER_INPUT for events that do not exist, a malformed key, or one webhook too many, FORBIDDEN for other roles
 */
export async function createWebhook(
  context: WebhookContext,
  caller: Caller,
  { url, events, idempotencyKey = null }: CreateWebhookRequest,
): Promise<WebhookResult> {
  assertAllowed(caller, 'writeWebhooks')
  assertKey(idempotencyKey)
  const subscriptions = assertEvents(events)
  const refused = refuseUrl(context, url)
  if (refused) return { ...NO_WEBHOOK, ...refused }
  const fingerprint = () => fingerprintOf('createWebhook', { url, events: subscriptions })
  const key = idempotencyKey === null ? null : { key: idempotencyKey, fingerprint: fingerprint() }
  const result = await runOncePerKey(
    context,
    { caller, name: 'create-webhook', verb: 'createWebhook', key },
    async (tx): Promise<KeyedResult<WebhookResult, { webhookId: string }>> => {
      const [{ count } = { count: 0 }] = await lockWebhookCount(tx)
      if (count >= WEBHOOKS_MAX) {
        throw new CallError(
          'BAD_USER_INPUT',
          `There are ${count} webhooks, and ${WEBHOOKS_MAX} at most: delete one`,
        )
      }
      const id = newId()
      const secret = createSecret()
      const webhook = await insertWebhook(
        tx,
        {
          id,
          url,
          events: subscriptions,
          hasOrderEvents: hasOrderEvents(subscriptions),
          secret: context.secretBox.seal(secret, id),
        },
        context.now(),
      )
      await notifyOfWebhooks(tx)
      return { result: { webhook, secret, userErrors: [] }, made: { webhookId: id } }
    },
    async (tx, { webhookId }): Promise<WebhookResult> => {
      const [webhook] = await lockWebhooks(tx, [webhookId])
      return webhook
        ? { webhook, secret: null, userErrors: [] }
        : { ...NO_WEBHOOK, ...unknownWebhook(webhookId, 'input', 'idempotencyKey') }
    },
  )
  return 'webhook' in result ? result : { ...NO_WEBHOOK, ...result }
}
