import type { App } from '../../src/create-app.ts'
import { LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import type { WebhookDelivery } from '../../src/generated/prisma/client.ts'
import { createWebhook } from '../../src/use-cases/webhooks/verbs/create-webhook.ts'
import { eventually } from './harness.ts'

/** Creates a webhook at a receiver. */
export async function listenAt(
  app: App,
  url: string,
  events: string[],
): Promise<{ id: string; secret: string }> {
  const { webhook, secret, userErrors } = await createWebhook(app, LOCAL_OPERATOR, { url, events })
  if (!webhook) throw new Error(`no webhook: ${userErrors[0].code}`)
  return { id: webhook.id, secret: secret! }
}

/** Has the time be over of a secret that was replaced: of the newest, 0, or an older one. */
export async function endReplacedSecret(app: App, place: number): Promise<void> {
  await app.pool.query(
    `update webhooks
    set replaced_secrets = jsonb_set(replaced_secrets, array[$1, 'until'], to_jsonb(now() - interval '1 s'))`,
    [String(place)],
  )
}

/** Waits until a webhook has a delivery that is so. */
export function untilDelivery(
  app: App,
  webhookId: string,
  isSo: (delivery: WebhookDelivery) => boolean,
): Promise<WebhookDelivery> {
  return eventually(async () => {
    const deliveries = await app.prisma.webhookDelivery.findMany({ where: { webhookId } })
    return deliveries.find(isSo)
  }) as Promise<WebhookDelivery>
}

/** Makes everything that waits for another try due now. */
export async function makeDue(app: App): Promise<void> {
  // as one: a sender that ends meanwhile enqueues its job before or after
  await app.pool.query(
    `begin;
    select from webhooks for update;
    update webhook_deliveries set next_attempt_at = now() where status = 'PENDING';
    update graphile_worker._private_jobs set run_at = now()
    where task_id = (select id from graphile_worker._private_tasks where identifier = 'send-webhooks');
    commit`,
  )
}
