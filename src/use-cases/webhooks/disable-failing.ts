import type { Tx } from '../../database/transaction.ts'
import { FAILED_TOO_LONG, FAILING_MAX_MS } from '../../domain/webhooks/delivery-policy.ts'
import type { WebhookNews } from '../../domain/webhooks/webhook-news.ts'
import { disableFailingWebhooks } from '../../sql/webhooks/webhooks.ts'

/**
 * Disables active webhooks without a success for 120 h since an attempt failed. A failed attempt does so too; this is for those whose
 * attempts have ended, or come hours later. One of which something is due is left to that attempt: it may not have been tried for
 * long because no worker ran.
 *
 * @returns what became of them
 */
export async function disableFailing(tx: Tx): Promise<WebhookNews[]> {
  const disabled = await disableFailingWebhooks(tx, FAILING_MAX_MS, FAILED_TOO_LONG)
  return disabled.map(({ id, url }) => ({
    kind: 'disabled',
    webhookId: id,
    host: new URL(url).host,
    reason: FAILED_TOO_LONG,
  }))
}
