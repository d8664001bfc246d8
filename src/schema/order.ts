import { validate as isUuid } from 'uuid'
import { visibleTo } from '../domain/authorisation.ts'
import { FAILURE_REASONS, ORDER_EVENT_TYPES, ORDER_STATUSES } from '../domain/order-status.ts'
import { type CreateOrderResult, createOrder } from '../use-cases/create-orders.ts'
import { listOrders } from '../use-cases/list-orders.ts'
import { watchOrder } from '../use-cases/watch-order.ts'
import { builder } from './builder.ts'
import { assertCursor, pageCost, pageSizes } from './page.ts'
import { UserErrorType } from './user-error.ts'

export const OrderStatus = builder.enumType('OrderStatus', { values: ORDER_STATUSES })
const FailureReason = builder.enumType('FailureReason', { values: FAILURE_REASONS })
const OrderEventType = builder.enumType('OrderEventType', { values: ORDER_EVENT_TYPES })

const OrderEvent = builder.prismaObject('OrderEvent', {
  description: 'One transition of an order.',
  fields: (t) => ({
    type: t.expose('type', { type: OrderEventType }),
    from: t.expose('from', {
      type: OrderStatus,
      nullable: true,
      description: 'Null where the order was created.',
    }),
    to: t.expose('to', { type: OrderStatus }),
    reason: t.expose('reason', { type: FailureReason, nullable: true }),
    version: t.exposeInt('version'),
    at: t.expose('at', { type: 'DateTime' }),
  }),
})

const Order = builder.prismaObject('Order', {
  description: 'An order of a quantity of one SKU.',
  fields: (t) => ({
    id: t.exposeID('id'),
    customerId: t.exposeString('customerId', {
      nullable: true,
      description: 'Whose order it is; null where it was placed for nobody in particular.',
    }),
    sku: t.exposeString('sku'),
    qty: t.exposeInt('qty'),
    status: t.expose('status', { type: OrderStatus }),
    failureReason: t.expose('failureReason', { type: FailureReason, nullable: true }),
    supplierRef: t.exposeString('supplierRef', {
      nullable: true,
      description: "The supplier's name for what it will deliver.",
    }),
    version: t.exposeInt('version', {
      description: 'The number of transitions so far, the creation included.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime' }),
    inventoryItem: t.relation('inventoryItem'),
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

builder.queryField('order', (t) =>
  t.prismaField({
    type: 'Order',
    nullable: true,
    args: { id: t.arg.id({ required: true }) },
    resolve: (query, _root, { id }, { app, caller }) =>
      isUuid(id) ? app.prisma.order.findUnique({ ...query, where: { id, ...visibleTo(caller) } }) : null,
  }),
)

const OrderFilter = builder.inputType('OrderFilter', {
  fields: (t) => ({ sku: t.string(), status: t.field({ type: OrderStatus }) }),
})

builder.queryField('orders', (t) =>
  t.prismaConnection(
    {
      type: 'Order',
      description: 'Orders, newest first. A customer sees its own.',
      cursor: 'id',
      ...pageSizes,
      complexity: pageCost,
      args: { filter: t.arg({ type: OrderFilter }) },
      resolve: async ({ cursor, skip: _skip, take = 0, ...query }, _root, { filter }, { app, caller }) => {
        assertCursor(cursor?.id, isUuid)
        // not by Prisma: it casts the state, which PostgreSQL then cannot tell while it plans, and compares ids alone
        const ids = await listOrders(app, caller, {
          sku: filter?.sku ?? null,
          status: filter?.status ?? null,
          cursor: cursor?.id ?? null,
          direction: take < 0 ? 'newer' : 'older',
          sizeMax: Math.abs(take),
        })
        return app.prisma.order.findMany({ ...query, where: { id: { in: ids } }, orderBy: { id: 'desc' } })
      },
    },
    { name: 'OrderConnection' },
    { name: 'OrderEdge' },
  ),
)

const CreateOrderInput = builder.inputType('CreateOrderInput', {
  fields: (t) => ({
    sku: t.string({ required: true }),
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
  fields: (t) => ({
    order: t.field({ type: Order, nullable: true, resolve: ({ order }) => order }),
    userErrors: t.field({ type: [UserErrorType], resolve: ({ userErrors }) => userErrors }),
  }),
})

builder.mutationField('createOrder', (t) =>
  t.field({
    type: CreateOrderPayload,
    description:
      'Takes an order at once. Stock is reserved in the background: watch it with orderStatusChanged.',
    args: { input: t.arg({ type: CreateOrderInput, required: true }) },
    resolve: (_root, { input }, { app, caller, requestOrigin }) =>
      createOrder(app, caller, {
        sku: input.sku,
        qty: input.qty,
        idempotencyKey: input.idempotencyKey ?? null,
        customerId: input.customerId ?? null,
        // with all others of its request: http/limit-orders.ts
        budget: null,
        requestId: requestOrigin.requestId,
        traceparent: app.tracing?.traceparent() ?? requestOrigin.traceparent,
      }),
  }),
)

builder.subscriptionField('orderStatusChanged', (t) =>
  t.field({
    type: Order,
    description: 'The order as it stands, then every change. Completes once it has failed.',
    args: {
      id: t.arg.id({ required: true }),
      afterVersion: t.arg.int({ description: 'The version that you have seen: only newer ones are sent.' }),
    },
    subscribe: (_root, { id, afterVersion }, { app, caller, left, transport }) =>
      watchOrder(app, caller, id, afterVersion ?? 0, transport, left),
    resolve: (order) => order,
  }),
)
