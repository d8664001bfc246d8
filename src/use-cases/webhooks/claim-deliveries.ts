import { WEBHOOK_CLAIM_MS, WEBHOOK_FAILING_AFTER_MS } from '../../limits.ts'
import { type ClaimedDelivery, claimDue, type DueCounts } from '../../sql/webhooks/deliveries.ts'
import { type Addressee, findAddressee } from '../../sql/webhooks/webhooks.ts'
import { type EventData, findEventData } from './find-event-data.ts'
import { signingKeyOf } from './secret-box.ts'
import type { WebhookContext } from './webhook-context.ts'

/** Deliveries that this process sends now. */
export type Claim = {
  url: string
  /** No delivery succeeded for a while. */
  isFailing: boolean
  /** They sign, the newest first. None if no configured key opens the current secret: then nothing is claimed. */
  keys: readonly Buffer[]
  /** `data`: undefined where somebody has deleted what the event is about. */
  deliveries: { delivery: ClaimedDelivery; data: EventData | undefined }[]
}

/**
 * Claims what is due of a webhook, with the data of the events as they are at this moment.
 *
 * @param sizeMax how many at most, of each kind
 * @returns undefined if the webhook was deleted
 */
export async function claimDeliveries(
  context: WebhookContext,
  webhookId: string,
  sizeMax: DueCounts,
): Promise<Claim | undefined> {
  const { pool } = context
  const [addressee] = await findAddressee(pool, webhookId, WEBHOOK_FAILING_AFTER_MS)
  if (!addressee) return undefined
  const { url, isFailing } = addressee
  const keys = signingKeysOf(context, addressee)
  // before the claim: a key that is missing here is no fault of the receiver, and costs the delivery nothing
  if (keys.length === 0) return { url, isFailing, keys, deliveries: [] }
  const claimed = await claimDue(pool, webhookId, { sizeMax, claimMs: WEBHOOK_CLAIM_MS })
  const dataOf = await findEventData(context, [...new Set(claimed.map(({ eventId }) => eventId))])
  return {
    url,
    isFailing,
    keys,
    deliveries: claimed.map((delivery) => ({ delivery, data: dataOf.get(delivery.eventId) })),
  }
}

/** Returns the keys that sign. Secrets that were replaced are optional; without the current one there are none. */
function signingKeysOf({ secretBox }: WebhookContext, { id, secrets }: Addressee): Buffer[] {
  const [current, ...replaced] = secrets.map((stored) => secretBox.open(stored, id))
  if (current === undefined) return []
  return [current, ...replaced.filter((secret) => secret !== undefined)].map(signingKeyOf)
}
