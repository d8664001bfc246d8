import { validate as isUuid } from 'uuid'
import { inTransaction, type Tx } from '../../../database/transaction.ts'
import { assertAllowed } from '../../../domain/authorisation.ts'
import type { Caller } from '../../../domain/caller.ts'
import { CallError } from '../../../domain/errors.ts'
import type { Delivery } from '../../../domain/webhooks/webhook.ts'
import { PAGE_SIZE_MAX, WEBHOOK_CLAIM_MS } from '../../../limits.ts'
import { addJobs } from '../../../sql/queue/add-jobs.ts'
import { findWebhooksOf, sendAgain, sendGivenUpAgain } from '../../../sql/webhooks/deliveries.ts'
import { lockWebhooks } from '../../../sql/webhooks/webhooks.ts'
import type { WebhookContext } from '../webhook-context.ts'
import { type DeliveriesResult, lockWebhook, unknownWebhook } from './webhook-input.ts'

/** What one call sends again of what was given up: one statement of a second or so. Who has more calls again. */
const REDELIVERED_MAX = 10_000

/**
 * Sends deliveries again, under their ids and with all their attempts before them.
 *
 * @param caller an operator
 * @param ids skips those that do not exist any more, and those of webhooks that are disabled
 * @throws {CallError} BAD_USER_INPUT for more than 100 at once, FORBIDDEN for other roles
 */
export async function redeliverWebhooks(
  context: WebhookContext,
  caller: Caller,
  ids: readonly string[],
): Promise<DeliveriesResult<Delivery>> {
  assertAllowed(caller, 'writeWebhooks')
  if (ids.length > PAGE_SIZE_MAX) {
    throw new CallError('BAD_USER_INPUT', `At most ${PAGE_SIZE_MAX} deliveries can be sent again at once`)
  }
  const known = ids.filter((id) => isUuid(id))
  return inTransaction(context, 'redeliver-webhooks', async (tx) => {
    // as whoever settles attempts does: the webhooks first
    await lockWebhooks(tx, await findWebhooksOf(tx, known))
    const deliveries = await sendAgain(tx, known, WEBHOOK_CLAIM_MS)
    await wakeSenders(tx, deliveries)
    return { deliveries, userErrors: [] }
  })
}

/**
 * Sends again what was given up of a webhook since a time: the oldest 10,000. A repeat sends the next.
 *
 * @param caller an operator
 * @throws {CallError} FORBIDDEN for other roles
 */
export async function redeliverGivenUp(
  context: WebhookContext,
  caller: Caller,
  { webhookId, since }: { webhookId: string; since: Date },
): Promise<DeliveriesResult<Delivery>> {
  assertAllowed(caller, 'writeWebhooks')
  return inTransaction(context, 'redeliver-webhooks', async (tx) => {
    const webhook = await lockWebhook(tx, webhookId)
    if (!webhook) return { deliveries: [], ...unknownWebhook(webhookId, 'input', 'webhookId') }
    const deliveries = await sendGivenUpAgain(tx, webhook.id, since, REDELIVERED_MAX)
    await wakeSenders(tx, deliveries)
    return { deliveries, userErrors: [] }
  })
}

async function wakeSenders(tx: Tx, deliveries: readonly Delivery[]): Promise<void> {
  const webhookIds = [...new Set(deliveries.map(({ webhookId }) => webhookId))]
  await addJobs(
    tx,
    webhookIds.map((webhookId) => ({ task: 'send-webhooks', payload: { webhookId } })),
  )
}
