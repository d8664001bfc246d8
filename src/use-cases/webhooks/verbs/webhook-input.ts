import { validate as isUuid } from 'uuid'
import type { Tx } from '../../../database/transaction.ts'
import { CallError, type UserError } from '../../../domain/errors.ts'
import { EVENT_NAMES, isSubscription, SUBSCRIPTIONS_EXPECTED } from '../../../domain/webhooks/event-names.ts'
import { isWebhookUrl, URL_LENGTH_MAX, type Webhook } from '../../../domain/webhooks/webhook.ts'
import { lockWebhooks } from '../../../sql/webhooks/webhooks.ts'
import type { WebhookContext } from '../webhook-context.ts'

/** Result of a change of a webhook. `secret`: a new one, which is shown this once. */
export type WebhookResult =
  | { webhook: Webhook; secret: string | null; userErrors: [] }
  | { webhook: null; secret: null; userErrors: [UserError] }

/** Result of a request to send. */
export type DeliveriesResult<Delivery> = { deliveries: Delivery[]; userErrors: [] | [UserError] }

/** Checks a URL. Where its name leads is looked at when it is connected to. */
export function refuseUrl(
  { assertWebhookHost }: WebhookContext,
  url: string,
): { userErrors: [UserError] } | undefined {
  const refusal = (message: string): { userErrors: [UserError] } => ({
    userErrors: [{ code: 'INVALID_URL', message, field: ['input', 'url'] }],
  })
  if (!isWebhookUrl(url)) {
    return refusal(
      `url must begin with https:// or http://, have no credentials and no fragment, and at most ${URL_LENGTH_MAX} characters`,
    )
  }
  try {
    assertWebhookHost(new URL(url).hostname)
    return undefined
  } catch (error) {
    return refusal(`url is refused: ${(error as Error).message}`)
  }
}

/** Checks subscriptions. @returns each once @throws {CallError} BAD_USER_INPUT, naming what is wrong and what would be right */
export function assertEvents(events: readonly string[]): string[] {
  const distinct = [...new Set(events)]
  const wrong = distinct.find((one) => !isSubscription(one))
  if (wrong !== undefined) {
    const shown = JSON.stringify(wrong.slice(0, 64))
    throw new CallError('BAD_USER_INPUT', `events may be ${SUBSCRIPTIONS_EXPECTED}; not ${shown}`)
  }
  if (distinct.length === 0 || distinct.length > EVENT_NAMES.length) {
    throw new CallError(
      'BAD_USER_INPUT',
      `events must be 1 to ${EVENT_NAMES.length} of ${SUBSCRIPTIONS_EXPECTED}`,
    )
  }
  return distinct
}

/** Returns the refusal for a webhook that does not exist. */
export function unknownWebhook(id: string, ...field: string[]): { userErrors: [UserError] } {
  const message = `There is no webhook ${JSON.stringify(id.slice(0, 64))}`
  return { userErrors: [{ code: 'UNKNOWN_WEBHOOK', message, field }] }
}

/** Locks a webhook. @param id as the caller sent it @returns undefined if it does not exist */
export async function lockWebhook(tx: Tx, id: string): Promise<Webhook | undefined> {
  return isUuid(id) ? (await lockWebhooks(tx, [id]))[0] : undefined
}
