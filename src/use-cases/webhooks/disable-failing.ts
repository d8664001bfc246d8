import type { Tx } from '../../database/transaction.ts'
import { FAILED_TOO_LONG, FAILING_MAX_MS } from '../../domain/webhooks/delivery-policy.ts'
import type { WebhookNews } from '../../domain/webhooks/webhook-news.ts'
import { WEBHOOK_CLAIM_MS } from '../../limits.ts'
import { disableFailingWebhooks } from '../../sql/webhooks/webhooks.ts'

/**
 * Disables active webhooks without a success for 120 h since an attempt failed. A failed attempt does so too; this covers webhooks with
 * no attempt due. It skips one with a delivery that is due or in flight: perhaps no worker was running, and that attempt decides.
 *
 * @returns what became of them
 */
export async function disableFailing(tx: Tx): Promise<WebhookNews[]> {
  const disabled = await disableFailingWebhooks(tx, FAILING_MAX_MS, FAILED_TOO_LONG, WEBHOOK_CLAIM_MS)
  return disabled.map(({ id, url }) => ({
    kind: 'disabled',
    webhookId: id,
    host: new URL(url).host,
    reason: FAILED_TOO_LONG,
  }))
}
