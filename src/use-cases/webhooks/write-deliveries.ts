import { inTransaction, type Tx } from '../../database/transaction.ts'
import { movementEventId, orderEventId } from '../../domain/webhooks/event-id.ts'
import {
  type EventName,
  INVENTORY_CHANGED,
  isSubscribed,
  ORDER_EVENT_NAMES,
  THRESHOLD_NAMES,
} from '../../domain/webhooks/event-names.ts'
import { OUTBOX_PAGE_SIZE, WEBHOOK_UNTRIED_MAX } from '../../limits.ts'
import { addJobs } from '../../sql/queue/add-jobs.ts'
import { insertDeliveries, type NewDelivery } from '../../sql/webhooks/deliveries.ts'
import { type OutboxEntry, readOutboxPage } from '../../sql/webhooks/outbox.ts'
import { findReaders, lockReaders, moveCursors, type Reader } from '../../sql/webhooks/webhooks.ts'
import { newId } from '../new-id.ts'
import type { WebhookContext } from './webhook-context.ts'

/**
 * Reads the outbox on, a page for each webhook that is behind: writes its deliveries, moves its cursor and enqueues the job that
 * sends them, in one transaction. So no event is missed, and none is written twice for a webhook, whoever else reads and whatever
 * crashes. A page is read once for all webhooks that stand at the same place.
 *
 * @param end up to where the outbox is final
 * @param except ids of webhooks that read nothing now
 * @returns whether there may be more to read at once, and whether a webhook waits until fewer deliveries wait for their first attempt
 */
export async function writeDeliveries(
  context: WebhookContext,
  end: bigint,
  except: readonly string[] = [],
): Promise<{ isMore: boolean; isAnyBusy: boolean }> {
  const behind = await findReaders(context.pool, end, { except, untriedMax: WEBHOOK_UNTRIED_MAX })
  const readers = behind.filter(({ isBusy }) => !isBusy)
  let isMore = false
  for (const [cursor, group] of Map.groupBy(readers, (reader) => reader.cursor)) {
    const ids = group.map(({ id }) => id)
    const isFull = await inTransaction(context, 'write-deliveries', (tx) => readOn(tx, ids, cursor, end))
    isMore ||= isFull
  }
  return { isMore, isAnyBusy: readers.length < behind.length }
}

async function readOn(tx: Tx, ids: readonly string[], cursor: bigint, end: bigint): Promise<boolean> {
  // those that another process has moved on are not at this place any more
  const readers = await lockReaders(tx, ids, cursor)
  if (readers.length === 0) return false
  const entries = await readOutboxPage(tx, { after: cursor, end, sizeMax: OUTBOX_PAGE_SIZE })
  const isFull = entries.length === OUTBOX_PAGE_SIZE
  const deliveries = deliveriesOf(readers, entries)
  const addressees = [...new Set(deliveries.map(({ webhookId }) => webhookId))]
  await Promise.all([
    insertDeliveries(tx, deliveries),
    moveCursors(
      tx,
      readers.map(({ id }) => id),
      isFull ? entries.at(-1)!.number : end,
    ),
    addJobs(
      tx,
      addressees.map((webhookId) => ({ task: 'send-webhooks', payload: { webhookId } })),
    ),
  ])
  return isFull
}

function deliveriesOf(readers: readonly Reader[], entries: readonly OutboxEntry[]): NewDelivery[] {
  const events = entries.flatMap(eventsOf)
  return readers.flatMap((reader) =>
    events
      .filter(({ eventType }) => isSubscribed(reader.events, eventType))
      .map((event) => ({ ...event, id: newId(), webhookId: reader.id })),
  )
}

/** The events that stand at a number of the outbox. */
function eventsOf(entry: OutboxEntry): { eventId: string; eventType: EventName }[] {
  if (entry.kind === 'order') {
    const { orderId, version, type, at } = entry
    return [{ eventId: orderEventId(orderId, version, at), eventType: ORDER_EVENT_NAMES[type] }]
  }
  const { movementId, at, crossed } = entry
  const crossings = crossed.map((threshold) => ({
    eventId: movementEventId(movementId, at, threshold),
    eventType: THRESHOLD_NAMES[threshold],
  }))
  if (entry.kind === 'crossing') return crossings
  return [{ eventId: movementEventId(movementId, at), eventType: INVENTORY_CHANGED }, ...crossings]
}
