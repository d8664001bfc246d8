import { inTransaction } from '../../database/transaction.ts'
import { addNextSending } from '../../sql/webhooks/deliveries.ts'
import { lockWebhooks } from '../../sql/webhooks/webhooks.ts'
import type { WriteContext } from '../context.ts'

/**
 * Enqueues one job for when the next delivery of a webhook is due, in the place of the one that was there: a sender calls it when it
 * ends. Whoever settles or writes deliveries holds the same lock, so the time is never later than what is committed.
 * A delivery that is in flight elsewhere counts by the end of its claim: if that process is killed, this job sends it.
 *
 * @param delayMinMs it comes no sooner than this
 */
export async function wakeSender(
  context: WriteContext,
  webhookId: string,
  delayMinMs: number,
): Promise<void> {
  await inTransaction(context, 'wake-sender', async (tx) => {
    await lockWebhooks(tx, [webhookId])
    await addNextSending(tx, webhookId, delayMinMs)
  })
}
