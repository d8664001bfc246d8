import {
  type EventName,
  INVENTORY_CHANGED,
  type OrderEventName,
  type StockEventName,
} from '../../domain/webhooks/event-names.ts'
import { orderPayload, stockPayload, testPayload, type WebhookPayload } from '../../shapes/webhook-payload.ts'
import type { ClaimedDelivery } from '../../sql/webhooks/deliveries.ts'
import type { Told } from '../../use-cases/webhooks/find-told.ts'

/** Makes the payload of a delivery, of what it tells as that is now. */
export function payloadOf(
  { webhookId, eventType, createdAt }: Pick<ClaimedDelivery, 'webhookId' | 'eventType' | 'createdAt'>,
  told: Told,
): WebhookPayload {
  switch (told.kind) {
    case 'order': {
      const { event, order, supplierRef, shipments } = told
      return orderPayload(eventType as OrderEventName, event, order, { supplierRef, shipments })
    }
    case 'movement':
      return stockPayload(assertStock(eventType), told.movement)
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
