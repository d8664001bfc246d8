import { inTransaction } from '../../../database/transaction.ts'
import { assertAllowed } from '../../../domain/authorisation.ts'
import type { Caller } from '../../../domain/caller.ts'
import { CallError } from '../../../domain/errors.ts'
import { hasOrderEvents } from '../../../domain/webhooks/event-names.ts'
import type { Webhook, WebhookStatus } from '../../../domain/webhooks/webhook.ts'
import { WEBHOOK_CLAIM_MS } from '../../../limits.ts'
import { notifyOfWebhooks } from '../../../sql/orders/notify-watchers.ts'
import { addJobs } from '../../../sql/queue/add-jobs.ts'
import { makeDueNow } from '../../../sql/webhooks/deliveries.ts'
import { writeWebhook } from '../../../sql/webhooks/webhooks.ts'
import type { WebhookContext } from '../webhook-context.ts'
import { assertEvents, lockWebhook, refuseUrl, unknownWebhook, type WebhookResult } from './webhook-input.ts'

/** What is null stays as it is. */
export type UpdateWebhookRequest = {
  id: string
  url?: string | null
  events?: readonly string[] | null
  /** ACTIVE or PAUSED. */
  status?: WebhookStatus | null
}

const NO_WEBHOOK = { webhook: null, secret: null } as const

/** Retries that are made due together: a second or so, under the webhook's lock. */
const DUE_NOW_MAX = 10_000

/**
 * Changes a webhook. One that is paused keeps its place: once it is active again, it gets what happened meanwhile. That holds
 * for one that Holdfast disabled too; what it gave up then is sent again only on request.
 *
 * @param caller an operator
 * @throws {CallError} BAD_USER_INPUT for events that do not exist and for the status DISABLED, FORBIDDEN for other roles
 */
export async function updateWebhook(
  context: WebhookContext,
  caller: Caller,
  { id, url = null, events = null, status = null }: UpdateWebhookRequest,
): Promise<WebhookResult> {
  assertAllowed(caller, 'writeWebhooks')
  if (status === 'DISABLED') {
    throw new CallError('BAD_USER_INPUT', 'status may be ACTIVE or PAUSED: only Holdfast disables webhooks')
  }
  const subscriptions = events && assertEvents(events)
  const refused = url === null ? undefined : refuseUrl(context, url)
  if (refused) return { ...NO_WEBHOOK, ...refused }
  return inTransaction(context, 'update-webhook', async (tx) => {
    const before = await lockWebhook(tx, id)
    if (!before) return { ...NO_WEBHOOK, ...unknownWebhook(id, 'input', 'id') }
    const webhook: Webhook = {
      ...before,
      url: url ?? before.url,
      events: subscriptions ?? before.events,
      ...(status !== null && { status, disabledReason: null }),
      // another address, or one that was mended, has not failed yet
      ...((url !== null || status === 'ACTIVE') && { failingSince: null }),
    }
    await writeWebhook(tx, webhook, hasOrderEvents(webhook.events))
    if (webhook.status === 'ACTIVE') {
      // what waits for hours may succeed now
      if (url !== null || status !== null) await makeDueNow(tx, webhook.id, WEBHOOK_CLAIM_MS, DUE_NOW_MAX)
      await addJobs(tx, [{ task: 'send-webhooks', payload: { webhookId: webhook.id } }])
      await notifyOfWebhooks(tx)
    }
    return { webhook, secret: null, userErrors: [] }
  })
}
