import type { Webhook } from '../../domain/webhooks/webhook.ts'
import { prepare, type Queryable } from '../statement.ts'
import { type DueKind, OF_KIND } from './deliveries.ts'

/** What was not delivered to a webhook yet. */
export type WebhookBacklog = Pick<Webhook, 'id' | 'status'> & {
  /** Deliveries that are pending: up to `countedMax`. */
  pending: number
  /** Since the oldest event that was not delivered; null where there is none. */
  oldestAgeS: number | null
  /** For how long the event that is due for the longest has waited to be sent; negative before it is due, null where there is none. */
  overdueS: number | null
  /** For how long none has succeeded, while they fail; null where the last one did. */
  failingS: number | null
}

/**
 * Reads the backlog of every webhook. What waits in the outbox counts by its age alone.
 *
 * @param countedMax as many pending deliveries of each are counted, and no more
 */
export function readBacklogs(on: Queryable, countedMax: number): Promise<WebhookBacklog[]> {
  return read(on, countedMax)
}

const STOCK_SUBSCRIPTIONS = `array['*', 'inventory.*', 'stock.*', 'inventory.changed', 'stock.low', 'stock.out', 'stock.back']`

/**
 * Pending deliveries, by id. `<= 'PENDING'`, the enum's first value, with this order fits only the index of webhook, status and id.
 * With `=` the planner may choose another index, and read every pending row for a webhook that has none.
 */
const PENDING_IN_ORDER = `webhook_id = webhooks.id and deliveries.status <= 'PENDING' order by deliveries.status, deliveries.id`

const nextOf = (kind: DueKind) => `(
  select next_attempt_at from webhook_deliveries
  where webhook_id = webhooks.id and ${OF_KIND[kind]} order by next_attempt_at limit 1
)`

const read = prepare<[countedMax: number], WebhookBacklog>(
  'read-backlogs',
  `select
    webhooks.id, webhooks.status,
    (
      select count(*) from (
        select from webhook_deliveries as deliveries where ${PENDING_IN_ORDER} limit $1
      ) as counted
    )::int as pending,
    extract(epoch from now() - least(
      unread.at,
      (
        select created_at from webhook_deliveries as deliveries where ${PENDING_IN_ORDER} limit 1
      )
    ))::float8 as "oldestAgeS",
    extract(epoch from now() - least(unread.at, ${nextOf('first')}, ${nextOf('retry')}))::float8 as "overdueS",
    extract(epoch from now() - failing_since)::float8 as "failingS"
  from webhooks cross join lateral (
    select least(
      (
        select at from order_events
        where webhooks.has_order_events and outbox_id > webhooks.cursor order by outbox_id limit 1
      ),
      (
        select created_at from inventory_movements
        where webhooks.events && ${STOCK_SUBSCRIPTIONS} and id > webhooks.cursor order by id limit 1
      )
    ) as at
  ) as unread
  order by webhooks.id`,
)
