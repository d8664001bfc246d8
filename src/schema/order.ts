import { queryFromInfo } from '@pothos/plugin-prisma'
import { validate as isUuid } from 'uuid'
import type { Order as OrderOf } from '../domain/orders/order.ts'
import type * as domain from '../domain/orders/order-status.ts'
import { type CreateOrderResult, createOrder } from '../use-cases/orders/create-order.ts'
import { listOrders } from '../use-cases/orders/find-order.ts'
import { builder } from './builder.ts'
import { InventoryItem } from './inventory.ts'
import { Node, visibleTo } from './node.ts'
import { type List, pageCost, readPage } from './page.ts'
import { USER_ERRORS } from './user-error.ts'

export const OrderStatus = builder.enumType('OrderStatus', {
  description: 'Where an order stands.',
  values: {
    AWAITING_RESTOCK: {
      description: 'Stock was short: what is there is held, and the supplier is asked for the rest.',
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

const FailureReason = builder.enumType('FailureReason', {
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

const OrderEventType = builder.enumType('OrderEventType', {
  description: 'What happened to an order.',
  values: {
    HoldExtended: { description: 'It expires at another time.' },
    OrderAwaitingRestock: {
      description: 'Stock was short: it waits, and the supplier is asked if it is to be.',
    },
    OrderCancelled: { description: 'It was cancelled, or a part of it.' },
    OrderConfirmed: { description: 'The hold is firm: it expires no more.' },
    OrderCreated: { description: 'It was placed.' },
    OrderExpired: { description: 'Nobody confirmed the hold in time.' },
    OrderFailed: { description: 'It failed; `reason` says why.' },
    OrderReopened: { description: 'An operator retried its dead letter.' },
    OrderReserved: { description: 'Its quantity was taken from stock.' },
    OrderReturned: { description: 'Goods that were shipped came back.' },
    OrderShipped: { description: 'It was shipped, or a part of it.' },
    ShipmentUndone: { description: 'A shipment was undone.' },
  } as const satisfies Record<domain.OrderEventType, object>,
})

const OrderEvent = builder.prismaObject('OrderEvent', {
  description: 'One transition of an order.',
  fields: (t) => ({
    type: t.expose('type', { type: OrderEventType, description: 'What happened.' }),
    from: t.expose('from', {
      type: OrderStatus,
      nullable: true,
      description: 'The state before. Null where the order was created.',
    }),
    to: t.expose('to', { type: OrderStatus, description: 'The state that it led to.' }),
    reason: t.expose('reason', {
      type: FailureReason,
      nullable: true,
      description: 'Of a failure; else null.',
    }),
    version: t.exposeInt('version', { description: 'The version of the order that it made.' }),
    at: t.expose('at', { type: 'DateTime', description: 'When.' }),
  }),
})

/** Lines are asked for by the order's fields that tell of the first alone. */
const FIRST_LINE = { orderBy: { position: 'asc' }, take: 1, include: { supplierRequest: true } } as const

const Order = builder.prismaObject('Order', {
  description: 'An order of a quantity of one SKU.',
  interfaces: [Node],
  fields: (t) => ({
    id: t.exposeID('id', { description: 'A UUID, the same in REST.' }),
    customerId: t.exposeString('customerId', {
      nullable: true,
      description: 'Whose order it is; null where it was placed for nobody in particular.',
    }),
    sku: t.string({
      description: 'What is ordered: of the first line.',
      select: { lines: FIRST_LINE },
      resolve: ({ lines }) => lines[0]!.sku,
    }),
    qty: t.int({
      description: 'How many are ordered: of the first line.',
      select: { lines: FIRST_LINE },
      resolve: ({ lines }) => lines[0]!.qty,
    }),
    status: t.expose('status', { type: OrderStatus, description: 'Where it stands.' }),
    failureReason: t.expose('failureReason', {
      type: FailureReason,
      nullable: true,
      description: 'Why it is FAILED; else null.',
    }),
    supplierRef: t.string({
      nullable: true,
      description: "The supplier's name for what it will deliver: of the first line.",
      select: { lines: FIRST_LINE },
      resolve: ({ lines }) => lines[0]!.supplierRequest?.ref,
    }),
    version: t.exposeInt('version', {
      description: 'The number of transitions so far, the creation included.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was placed.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When it last changed.' }),
    inventoryItem: t.field({
      type: InventoryItem,
      description: 'The item of its SKU: of the first line.',
      select: (_args, _context, nestedSelection) => ({
        lines: { ...FIRST_LINE, select: { inventoryItem: nestedSelection() } },
      }),
      resolve: ({ lines }) => lines[0]!.inventoryItem,
    }),
    events: t.relation('events', {
      type: OrderEvent,
      description: 'Every transition, oldest first.',
      query: { orderBy: { version: 'asc' } },
    }),
    movements: t.relation('movements', {
      description: 'What the order changed in stock, in its order.',
      query: { orderBy: { id: 'asc' } },
    }),
  }),
})

/** An order as the table has it. */
function rowOf(order: OrderOf) {
  return { ...order, locations: [...(order.locations ?? [])] }
}

builder.queryField('order', (t) =>
  t.prismaField({
    type: 'Order',
    nullable: true,
    description: 'An order. Null where there is none, or none that you may see.',
    args: { id: t.arg.id({ required: true, description: "The order's UUID." }) },
    resolve: (query, _root, { id }, { app, caller }) =>
      isUuid(id) ? app.prisma.order.findUnique({ ...query, where: { id, ...visibleTo(caller) } }) : null,
  }),
)

const OrderFilter = builder.inputType('OrderFilter', {
  description: 'Orders for which all of it holds.',
  fields: (t) => ({
    sku: t.string({ description: 'Only of this SKU.' }),
    status: t.field({ type: OrderStatus, description: 'Only in this state.' }),
  }),
})

const orders: List<{ id: string }> = { name: 'orders', keyOf: ({ id }) => id, isKey: isUuid }

builder.queryField('orders', (t) =>
  t.connection(
    {
      type: Order,
      description: 'Orders, newest first. A customer sees its own.',
      complexity: pageCost,
      args: { filter: t.arg({ type: OrderFilter, description: 'Which orders; null for all.' }) },
      resolve: (_root, { filter, ...args }, context, info) =>
        readPage(orders, args, async ({ key, isBackwards, sizeMax }) => {
          // not by Prisma: it casts the state, which PostgreSQL then cannot tell while it plans, and compares ids alone
          const ids = await listOrders(context.app, context.caller, {
            sku: filter?.sku ?? null,
            status: filter?.status ?? null,
            cursor: key ?? null,
            direction: isBackwards ? 'newer' : 'older',
            sizeMax,
          })
          return context.app.prisma.order.findMany({
            ...queryFromInfo({ context, info, typeName: 'Order', path: ['edges', 'node'] }),
            where: { id: { in: ids } },
            orderBy: { id: 'desc' },
          })
        }),
    },
    { name: 'OrderConnection', description: 'A page of orders.' },
    { name: 'OrderEdge', description: 'An order of a page.' },
  ),
)

const CreateOrderInput = builder.inputType('CreateOrderInput', {
  description: 'What is ordered.',
  fields: (t) => ({
    sku: t.string({ required: true, description: 'Of an item that exists.' }),
    qty: t.int({ required: true, description: '1 to 1,000,000' }),
    idempotencyKey: t.string({
      description: 'A repeat under the same key answers with the same order, and orders nothing more.',
    }),
    customerId: t.string({
      description: 'Whom a service or an operator orders for. An order of a customer is its own.',
    }),
  }),
})

const CreateOrderPayload = builder.objectRef<CreateOrderResult>('CreateOrderPayload').implement({
  description: 'The answer to createOrder.',
  fields: (t) => ({
    order: t.field({
      type: Order,
      nullable: true,
      description: 'Null where it was refused.',
      resolve: ({ order }) => order && rowOf(order),
    }),
    userErrors: t.expose('userErrors', USER_ERRORS),
  }),
})

builder.mutationField('createOrder', (t) =>
  t.field({
    type: CreateOrderPayload,
    description:
      'Takes an order at once. Stock is reserved in the background: watch it with orderStatusChanged.',
    args: { input: t.arg({ type: CreateOrderInput, required: true, description: 'The order.' }) },
    resolve: (_root, { input }, { app, caller, requestOrigin }) =>
      createOrder(app, caller, {
        sku: input.sku,
        qty: input.qty,
        idempotencyKey: input.idempotencyKey ?? null,
        customerId: input.customerId ?? null,
        // with all others of its request: limit-orders.ts
        budget: null,
        requestId: requestOrigin.requestId,
        traceparent: app.tracing?.traceparent() ?? requestOrigin.traceparent,
      }),
  }),
)

builder.subscriptionField('orderStatusChanged', (t) =>
  t.field({
    type: Order,
    description:
      'The order as it stands, then every change. Completes once it has failed. It stays open when the order is RESERVED, for what may follow: who only waits for the reservation unsubscribes then.',
    args: {
      id: t.arg.id({ required: true, description: "The order's UUID." }),
      afterVersion: t.arg.int({ description: 'The version that you have seen: only newer ones are sent.' }),
    },
    subscribe: async (_root, { id, afterVersion }, { app, caller, disconnected, transport, position }) => {
      // who comes back by Last-Event-ID repeats the afterVersion that it began with
      const seen = Math.max(afterVersion ?? 0, position?.seen ?? 0)
      const watcher = await app.feed.watch(caller, id, seen, transport, disconnected)
      if (position) position.isOver = watcher.isOver
      return watcher
    },
    resolve: (order, _args, { position }) => {
      if (position) position.version = order.version
      return rowOf(order)
    },
  }),
)
