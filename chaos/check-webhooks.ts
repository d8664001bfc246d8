import { hearsOrders, INVENTORY_CHANGED, isHeard } from '../src/domain/webhooks/event-names.ts'
import type { Reader } from './checks.ts'
import type { Findings } from './findings.ts'
import { type HostileReceiver, WEBHOOKS, type WebhookName } from './hostile-receiver.ts'

/** A webhook of the run, and where it stood before the first event. */
export type ChaosWebhook = { name: WebhookName; id: string; start: bigint }

/** Whether a webhook has something that it has not tried yet, or has not read. */
export const UNTOLD = `select id::text from webhooks
  where status = 'ACTIVE' and (
    cursor < (select last_value from inventory_movements_id_seq)
    or exists (
      select from webhook_deliveries
      where webhook_id = webhooks.id and status = 'PENDING' and (attempts = 0 or next_attempt_at < now())
    )
  )`

/** Every event since the run began, by its id. Nothing crossed a threshold that has no row of its own. */
const EVENTS = `select 'evt_' || order_id || '_' || version as id, true as "isOrder", outbox_id is not null as "isNumbered"
  from order_events
  union all
  select 'evt_m' || id, false, true from inventory_movements where id > $1
  union all
  select 'evt_m' || id || '_' || lower(threshold::text), false, true
  from inventory_movements, unnest(crossed) as threshold where id > $1`

type Event = { id: string; isOrder: boolean; isNumbered: boolean }

/**
 * Checks that every event of a subscribed type was received, is pending or was given up, for each webhook; that nothing else was
 * received; and that nothing is called delivered that was not received.
 */
export async function checkWebhooks(
  database: Reader,
  webhooks: readonly ChaosWebhook[],
  received: HostileReceiver['received'],
  findings: Findings,
): Promise<void> {
  for (const { name, id, start } of webhooks) {
    const events = (await database.query<Event>(EVENTS.replaceAll('$1', String(start)))).filter(isOf(name))
    const deliveries = await database.query<{ eventId: string; status: string }>(
      `select event_id as "eventId", status::text from webhook_deliveries where webhook_id = '${id}'`,
    )
    const statusOf = new Map(deliveries.map(({ eventId, status }) => [eventId, status]))
    for (const event of events) {
      findings.count('events of webhooks checked')
      if (event.isOrder && !event.isNumbered) {
        findings.violate('each order event is in the outbox while a webhook listens', event.id, name)
      }
      // a webhook that was disabled reads no more
      const isTold = received[name].has(event.id) || statusOf.has(event.id) || name === 'gone'
      if (!isTold) findings.violate('a webhook misses nothing', event.id, name)
    }
    const known = new Set(events.map((event) => event.id))
    for (const [eventId, times] of received[name]) {
      if (times > 1) findings.count('webhook messages received again')
      if (!known.has(eventId)) findings.violate('a webhook is told only what was', eventId, name)
    }
    for (const [eventId, status] of statusOf) {
      findings.count(`deliveries ${status}`)
      if (status === 'DELIVERED' && !received[name].has(eventId)) {
        findings.violate('what is called delivered was received', eventId, name)
      }
    }
  }
  const [gone] = await database.query<{ status: string }>(
    `select status::text from webhooks where url like '%/gone'`,
  )
  if (gone?.status !== 'DISABLED') {
    findings.violate('a webhook whose receiver is gone is disabled', 'gone', String(gone?.status))
  }
}

function isOf(name: WebhookName): (event: Event) => boolean {
  const subscriptions: readonly string[] = WEBHOOKS[name]
  return ({ id, isOrder }) => {
    if (isOrder) return hearsOrders(subscriptions)
    return id.includes('_', 'evt_'.length)
      ? isHeard(subscriptions, 'stock.low')
      : isHeard(subscriptions, INVENTORY_CHANGED)
  }
}
