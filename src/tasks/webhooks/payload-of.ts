import {
  type EventName,
  INVENTORY_CHANGED,
  type OrderEventName,
  type StockEventName,
} from '../../domain/webhooks/event-names.ts'
import { orderPayload, stockPayload, testPayload, type WebhookPayload } from '../../shapes/webhook-payload.ts'
import type { ClaimedDelivery } from '../../sql/webhooks/deliveries.ts'
import type { EventData } from '../../use-cases/webhooks/find-event-data.ts'

/** Makes the payload of a delivery, of its event's data as they are now. */
export function payloadOf(
  { webhookId, eventType, createdAt }: Pick<ClaimedDelivery, 'webhookId' | 'eventType' | 'createdAt'>,
  data: EventData,
): WebhookPayload {
  switch (data.kind) {
    case 'order': {
      const { event, order, supplierRef, shipments } = data
      return orderPayload(eventType as OrderEventName, event, order, { supplierRef, shipments })
    }
    case 'movement':
      return stockPayload(assertStock(eventType), data.movement)
    case 'test':
      return testPayload(webhookId, createdAt)
  }
}

function assertStock(eventType: EventName): StockEventName {
  if (eventType !== INVENTORY_CHANGED && !eventType.startsWith('stock.')) {
    throw new Error(`A movement is no ${eventType}`)
  }
  return eventType as StockEventName
}
