import type * as order from '../../domain/orders/order.ts'
import type * as domain from '../../domain/orders/order-status.ts'
import { builder } from '../builder.ts'

export const OrderStatus = builder.enumType('OrderStatus', {
  description: 'Where an order stands.',
  values: {
    AWAITING_RESTOCK: {
      description: 'Stock was short, and `ifShort` says what it waits for.',
    },
    CANCELLED: { description: 'All of it was cancelled.' },
    EXPIRED: { description: 'A hold that nobody confirmed in time: what it held is released.' },
    FAILED: { description: '`failureReason` says why. It stays so, unless an operator opens it again.' },
    PARTIALLY_SHIPPED: { description: 'A part was shipped, and the rest is open.' },
    PENDING: { description: 'Accepted, and not looked at yet.' },
    RESERVED: {
      description:
        'Its quantity is held for it. Nothing more happens by itself; a subscription stays open for what may follow.',
    },
    SHIPPED: { description: 'All that was not cancelled was shipped.' },
  } as const satisfies Record<domain.OrderStatus, object>,
})

export const FailureReason = builder.enumType('FailureReason', {
  description: 'Why an order failed.',
  values: {
    INTERNAL_ERROR: { description: "Holdfast's own work failed too often. A dead letter records it." },
    OUT_OF_STOCK: {
      description: 'Stock was short, and the order was neither to wait nor to ask a supplier.',
    },
    SUPPLIER_DELAYED: { description: 'The supplier said "delayed" too often.' },
    SUPPLIER_FAILED: { description: 'The supplier accepted the order and failed.' },
    SUPPLIER_REFUSED: { description: 'The supplier did not accept the order.' },
    SUPPLIER_UNREACHABLE: { description: 'No call to the supplier succeeded. A dead letter records it.' },
  } as const satisfies Record<domain.FailureReason, object>,
})

export const IfShort = builder.enumType('IfShort', {
  description: 'What becomes of what is short.',
  values: {
    ASK_SUPPLIER: {
      description:
        'The lines that are there are held, and for each other one a supplier is asked. Stock that comes first serves it too.',
    },
    FAIL: { description: 'The order fails at once, with the reason OUT_OF_STOCK.' },
    WAIT: {
      description: 'The order waits until stock comes for all of it. Nothing is held for it meanwhile.',
    },
  } as const satisfies Record<order.IfShort, object>,
})

export const OrderEventType = builder.enumType('OrderEventType', {
  description: 'What happened to an order.',
  values: {
    HoldExtended: { description: 'It expires at another time.' },
    OrderAwaitingRestock: { description: 'Stock was short, and it waits.' },
    OrderCancelled: { description: 'It was cancelled, or a part of it.' },
    OrderConfirmed: { description: 'The hold is firm: it expires no more.' },
    OrderCreated: { description: 'It was placed.' },
    OrderExpired: { description: 'Nobody confirmed the hold in time.' },
    OrderFailed: { description: 'It failed; `reason` says why.' },
    OrderReopened: { description: 'An operator retried its dead letter.' },
    OrderReserved: { description: 'Its quantity was taken from stock.' },
    OrderReturned: { description: 'Goods that were shipped came back.' },
    OrderShipped: { description: 'It was shipped, or a part of it.' },
    OrderUnreserved: { description: 'Less was found than was promised: what `lines` names waits again.' },
    ShipmentUndone: { description: 'A shipment was undone.' },
  } as const satisfies Record<domain.OrderEventType, object>,
})
