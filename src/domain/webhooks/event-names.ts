import type { OrderEventType } from '../orders/order-status.ts'
import type { StockThreshold } from '../stock/thresholds.ts'

/** What webhooks call the events of an order. */
export const ORDER_EVENT_NAMES = {
  OrderCreated: 'order.created',
  OrderReserved: 'order.reserved',
  OrderAwaitingRestock: 'order.awaiting_restock',
  OrderUnreserved: 'order.unreserved',
  OrderConfirmed: 'order.confirmed',
  HoldExtended: 'order.hold_extended',
  OrderShipped: 'order.shipped',
  ShipmentUndone: 'order.shipment_undone',
  OrderCancelled: 'order.cancelled',
  OrderExpired: 'order.expired',
  OrderReturned: 'order.returned',
  OrderFailed: 'order.failed',
  OrderReopened: 'order.reopened',
} as const satisfies Record<OrderEventType, `order.${string}`>

/** What they call a threshold that stock crossed. */
export const THRESHOLD_NAMES = {
  LOW: 'stock.low',
  OUT: 'stock.out',
  BACK: 'stock.back',
} as const satisfies Record<StockThreshold, `stock.${string}`>

export const INVENTORY_CHANGED = 'inventory.changed'
/** Sent by `testWebhook` alone, whatever a webhook subscribes to. */
export const WEBHOOK_TEST = 'webhook.test'

export type OrderEventName = (typeof ORDER_EVENT_NAMES)[OrderEventType]
export type StockEventName = typeof INVENTORY_CHANGED | (typeof THRESHOLD_NAMES)[StockThreshold]
export type EventName = OrderEventName | StockEventName | typeof WEBHOOK_TEST

/** Every event that a webhook may subscribe to. */
export const EVENT_NAMES: readonly Exclude<EventName, typeof WEBHOOK_TEST>[] = [
  ...Object.values(ORDER_EVENT_NAMES),
  INVENTORY_CHANGED,
  ...Object.values(THRESHOLD_NAMES),
]

/** What stands for several of them. */
const EVENT_PATTERNS = ['*', 'order.*', 'inventory.*', 'stock.*']

/** Whether a webhook may subscribe to this: the name of an event, or a pattern. */
export function isSubscription(text: string): boolean {
  return EVENT_PATTERNS.includes(text) || (EVENT_NAMES as readonly string[]).includes(text)
}

/** What a subscription may be, for people. */
export const SUBSCRIPTIONS_EXPECTED = `${EVENT_PATTERNS.join(', ')}, ${EVENT_NAMES.join(', ')}`

/** Whether subscriptions include an event. */
export function isSubscribed(subscriptions: readonly string[], name: EventName): boolean {
  const [family] = name.split('.')
  return subscriptions.some((one) => one === '*' || one === name || one === `${family}.*`)
}

/** Whether subscriptions include any event of orders. */
export function hasOrderEvents(subscriptions: readonly string[]): boolean {
  return Object.values(ORDER_EVENT_NAMES).some((name) => isSubscribed(subscriptions, name))
}
