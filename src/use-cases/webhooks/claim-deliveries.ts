import { WEBHOOK_CLAIM_MS } from '../../limits.ts'
import { type ClaimedDelivery, claimDue } from '../../sql/webhooks/deliveries.ts'
import { findAddressee } from '../../sql/webhooks/webhooks.ts'
import { findTold, type Told } from './find-told.ts'
import { signingKeyOf } from './secret-box.ts'
import type { WebhookContext } from './webhook-context.ts'

/** Deliveries that this process sends now. */
export type Claim = {
  url: string
  isFailing: boolean
  /** They sign, the newest first; undefined where the secret cannot be read. */
  keys: readonly Buffer[] | undefined
  /** `told`: undefined where somebody has deleted what it tells of. */
  deliveries: { delivery: ClaimedDelivery; told: Told | undefined }[]
}

/**
 * Claims what is due of a webhook, with what it tells as that is at this moment.
 *
 * @param sizeMax how many at most
 * @returns undefined if the webhook was deleted
 */
export async function claimDeliveries(
  context: WebhookContext,
  webhookId: string,
  sizeMax: number,
): Promise<Claim | undefined> {
  const { pool, secretBox } = context
  const [addressee] = await findAddressee(pool, webhookId)
  if (!addressee) return undefined
  const claimed = await claimDue(pool, webhookId, { sizeMax, claimMs: WEBHOOK_CLAIM_MS })
  const told = await findTold(context, [...new Set(claimed.map(({ eventId }) => eventId))])
  const keys = addressee.secrets.flatMap((stored) => {
    const secret = secretBox.open(stored, webhookId)
    return secret === undefined ? [] : [signingKeyOf(secret)]
  })
  return {
    url: addressee.url,
    isFailing: addressee.failingSince !== null,
    keys: keys.length > 0 ? keys : undefined,
    deliveries: claimed.map((delivery) => ({ delivery, told: told.get(delivery.eventId) })),
  }
}
