import { queryFromInfo } from '@pothos/plugin-prisma'
import { validate as isUuid } from 'uuid'
import type { OrderLine as Line, Order as OrderOf } from '../../domain/orders/order.ts'
import { ORDER_LINES_ESTIMATE } from '../../limits.ts'
import { listOrders } from '../../use-cases/orders/find-order.ts'
import { builder } from '../builder.ts'
import type { GraphQLContext } from '../create-context.ts'
import { Node, visibleTo } from '../node.ts'
import { type List, pageCost, readPage } from '../page.ts'
import { InventoryItem } from '../stock/inventory.ts'
import { OrderEvent } from './order-history.ts'
import { OrderLine } from './order-line.ts'
import { FailureReason, IfShort, OrderStatus } from './order-states.ts'

/** By the order first, as an index has them: by id alone PostgreSQL may walk the primary key, which is the whole table. */
const IN_ORDER: { orderBy: { orderId?: 'asc'; id?: 'asc' }[] } = {
  orderBy: [{ orderId: 'asc' }, { id: 'asc' }],
}

export const Order = builder.prismaObject('Order', {
  description: 'An order of 1 to 100 lines, each a quantity of one SKU.',
  interfaces: [Node],
  fields: (t) => ({
    id: t.exposeID('id', { description: 'A UUID, the same in REST.' }),
    customerId: t.exposeString('customerId', {
      nullable: true,
      description: 'Whose order it is; null where it was placed for nobody in particular.',
    }),
    sku: t.string({
      description: 'What is ordered: of the first line.',
      resolve: async (order, _args, context) => (await linesOf(order, context))[0]!.sku,
    }),
    qty: t.int({
      description: 'How many are ordered: of the first line.',
      resolve: async (order, _args, context) => (await linesOf(order, context))[0]!.qty,
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
      resolve: async (order, _args, context) => {
        // nobody was asked for an order that nothing has changed
        if (order.version === 1) return null
        const requests = await context.reads.supplierRequests.submit(order.id)
        if (requests.length === 0) return null
        const { sku } = (await linesOf(order, context))[0]!
        return requests.find((request) => request.sku === sku)?.ref
      },
    }),
    version: t.exposeInt('version', {
      description: 'The number of changes so far, the creation included.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was placed.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When it last changed.' }),
    inventoryItem: t.prismaField({
      type: InventoryItem,
      description: 'The item of its SKU: of the first line.',
      resolve: async (query, order, _args, context) => {
        const { sku } = (await linesOf(order, context))[0]!
        return context.app.prisma.inventoryItem.findUniqueOrThrow({ ...query, where: { sku } })
      },
    }),
    lines: t.field({
      type: [OrderLine],
      description: 'What is ordered, in the order of the input; each SKU once.',
      complexity: { field: 1, multiplier: ORDER_LINES_ESTIMATE },
      resolve: async (order, _args, context) => {
        const lines = await linesOf(order, context)
        return lines.map((line) => ({ ...line, orderId: order.id }))
      },
    }),
    reference: t.exposeString('reference', { nullable: true, description: "The shop's own number of it." }),
    ifShort: t.expose('ifShort', { type: IfShort, description: 'What becomes of what is short.' }),
    expiresAt: t.expose('expiresAt', {
      type: 'DateTime',
      nullable: true,
      description:
        'Of a hold: until then confirmOrder makes it firm, and from then on it is EXPIRED. A hold that has ended keeps it. Null: firm.',
    }),
    shipments: t.relation('shipments', {
      description: 'What left, oldest first; those that were undone included.',
      query: IN_ORDER,
    }),
    events: t.relation('events', {
      type: OrderEvent,
      description: 'Every change, oldest first.',
      query: { orderBy: { version: 'asc' } },
    }),
    movements: t.relation('movements', {
      description: 'What the order changed in stock, in its order.',
      query: IN_ORDER,
    }),
  }),
})

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

export const OrderConnection = builder.connectionObject(
  { type: Order, name: 'OrderConnection', description: 'A page of orders.' },
  { name: 'OrderEdge', description: 'An order of a page.' },
)

const OrderFilter = builder.inputType('OrderFilter', {
  description: 'Orders for which all of it holds.',
  fields: (t) => ({
    sku: t.string({ description: 'Only with a line of this SKU.' }),
    status: t.field({ type: OrderStatus, description: 'Only in this state.' }),
    customerId: t.string({ description: 'Only of this customer.' }),
    reference: t.string({ description: "Only with this number of the shop's." }),
    isHold: t.boolean({
      description:
        'Only holds, also such as have ended: those that have `expiresAt`. If false, only firm orders.',
    }),
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
            customerId: filter?.customerId ?? null,
            reference: filter?.reference ?? null,
            isHold: filter?.isHold ?? null,
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
    OrderConnection,
  ),
)

builder.subscriptionField('orderStatusChanged', (t) =>
  t.field({
    type: Order,
    description:
      'The order as it stands, then every change. Completes once it is FAILED, CANCELLED or EXPIRED. It stays open when the order is RESERVED or SHIPPED, for what may follow: who only waits for the reservation unsubscribes then.',
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
      return orderRowOf(order)
    },
  }),
)

/** An order as the table has it, with the lines that came with it. */
export function orderRowOf(order: OrderOf) {
  return { ...order, locations: [...(order.locations ?? [])] }
}

/** The lines of an order: those that came with it, else read with those of other orders. */
async function linesOf(
  { id, lines }: { id: string; lines?: readonly Line[] },
  { app }: GraphQLContext,
): Promise<readonly Line[]> {
  return lines ?? (await app.groups.findOrder.submit(id))!.lines
}
