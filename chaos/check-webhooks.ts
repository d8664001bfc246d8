import type { StockThreshold } from '../src/domain/stock/thresholds.ts'
import { movementEventId, orderEventId } from '../src/domain/webhooks/event-id.ts'
import { hasOrderEvents, INVENTORY_CHANGED, isSubscribed } from '../src/domain/webhooks/event-names.ts'
import type { Reader } from './database.ts'
import type { Findings } from './findings.ts'
import { type HostileReceiver, WEBHOOKS, type WebhookName } from './hostile-receiver.ts'

/** A webhook of the run, and where it stood before the first event. */
export type ChaosWebhook = { name: WebhookName; id: string; start: bigint }

/** How the error of a delivery begins whose payload was not made. Nothing is deleted in a run, so each can be. */
const NOT_SENT = 'not sent:'

/** Whether a webhook has something that it has not tried yet, or has not read. */
export const UNTOLD = `select id::text from webhooks
  where status = 'ACTIVE' and (
    cursor < (select last_value from inventory_movements_id_seq)
    or exists (
      select from webhook_deliveries
      where webhook_id = webhooks.id and status = 'PENDING' and (attempts = 0 or next_attempt_at < now())
    )
  )`

/** Every event since the run began. Nothing crossed a threshold that has no row of its own. */
const EVENTS = `select
    order_id::text as "orderId", version, null::text as "movementId", null::text as crossed, at, outbox_id is not null as "isNumbered"
  from (select order_id, version, outbox_id, extract(epoch from at)::float8 * 1000 as at from order_events) as events
  union all
  select null, null, id::text, crossing, extract(epoch from created_at)::float8 * 1000, true
  from inventory_movements, unnest(array_append(crossed::text[], null)) as crossing where id > $1`

type EventRow = {
  orderId: string | null
  version: number | null
  movementId: string | null
  crossed: StockThreshold | null
  at: number
  isNumbered: boolean
}
type Event = { id: string; isOrder: boolean; isNumbered: boolean }

function eventOf({ orderId, version, movementId, crossed, at, isNumbered }: EventRow): Event {
  const time = new Date(Math.round(at))
  const id =
    orderId === null
      ? movementEventId(BigInt(movementId!), time, crossed ?? undefined)
      : orderEventId(orderId, version!, time)
  return { id, isOrder: orderId !== null, isNumbered }
}

/**
 * Checks that every event of a subscribed type was received, is pending or was given up, for each webhook; that nothing else was
 * received; that nothing is called delivered that was not received; and that everything could be sent.
 */
export async function checkWebhooks(
  database: Reader,
  webhooks: readonly ChaosWebhook[],
  received: HostileReceiver['received'],
  findings: Findings,
): Promise<void> {
  for (const { name, id, start } of webhooks) {
    const rows = await database.query<EventRow>(EVENTS.replaceAll('$1', String(start)))
    const events = rows.map(eventOf).filter(isOf(name))
    const deliveries = await database.query<{ eventId: string; status: string; error: string | null }>(
      `select event_id as "eventId", status::text, error from webhook_deliveries where webhook_id = '${id}'`,
    )
    for (const { eventId, error } of deliveries) {
      if (error?.startsWith(NOT_SENT)) findings.violate('each event of a webhook can be sent', eventId, error)
    }
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
    if (isOrder) return hasOrderEvents(subscriptions)
    return /_(low|out|back)$/.test(id)
      ? isSubscribed(subscriptions, 'stock.low')
      : isSubscribed(subscriptions, INVENTORY_CHANGED)
  }
}
