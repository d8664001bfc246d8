import { queryFromInfo } from '@pothos/plugin-prisma'
import type { GraphQLResolveInfo } from 'graphql'
import { validate as isUuid } from 'uuid'
import { LIST_SIZE_ESTIMATE, ORDER_LINES_ESTIMATE } from '../../limits.ts'
import { findOrder, listOrders, readOrdersOf } from '../../use-cases/orders/find-order.ts'
import { builder } from '../builder.ts'
import type { GraphQLContext } from '../create-context.ts'
import { entriesMaxOf } from '../list-cost.ts'
import { Node } from '../node.ts'
import { type List, pageCost, readPage } from '../page.ts'
import { findItemOf, InventoryItem } from '../stock/inventory.ts'
import { InventoryMovement } from '../stock/inventory-movement.ts'
import { DeadLetter } from '../upkeep/dead-letter.ts'
import { OrderEvent } from './order-history.ts'
import { OrderJob } from './order-job.ts'
import { OrderLine } from './order-line.ts'
import { FailureReason, IfShort, OrderStatus } from './order-states.ts'
import { Shipment } from './shipment-node.ts'

/** As a reading of the status: up to 10,000 jobs are looked through. */
const JOBS_COST = 1_000

/** An order always comes with its lines, of one statement: what is shown of it is never of two versions. */
export const Order = builder.objectType('Order', {
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
      resolve: ({ lines }) => lines[0]!.sku,
    }),
    qty: t.int({
      description: 'How many are ordered: of the first line.',
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
      resolve: async ({ id, version, lines }, _args, { reads }) => {
        // nobody was asked for an order that nothing has changed
        if (version === 1) return null
        const requests = await reads.supplierRequests.submit(id)
        return requests.find(({ sku }) => sku === lines[0]!.sku)?.ref
      },
    }),
    version: t.exposeInt('version', {
      description: 'The number of changes so far, the creation included.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was placed.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When it last changed.' }),
    inventoryItem: t.field({
      type: InventoryItem,
      description: 'The item of its SKU: of the first line.',
      resolve: ({ lines }, _args, context, info) => findItemOf(lines[0]!.sku, context, info),
    }),
    lines: t.field({
      type: [OrderLine],
      description: 'What is ordered, in the order of the input; each SKU once.',
      complexity: { field: 1, multiplier: ORDER_LINES_ESTIMATE },
      resolve: ({ id, lines }) => lines.map((line) => ({ ...line, orderId: id })),
    }),
    reference: t.exposeString('reference', { nullable: true, description: "The shop's own number of it." }),
    ifShort: t.expose('ifShort', { type: IfShort, description: 'What becomes of what is short.' }),
    expiresAt: t.expose('expiresAt', {
      type: 'DateTime',
      nullable: true,
      description:
        'Of a hold: until then confirmOrder makes it firm, and from then on it is EXPIRED. A hold that has ended keeps it. Null: firm.',
    }),
    shipments: t.field({
      type: [Shipment],
      description: 'What left, oldest first; those that were undone included.',
      resolve: ({ id }, _args, context, info) =>
        readList(id, 'Shipment', context, info, (query) =>
          context.app.prisma.shipment.findMany({
            ...query,
            orderBy: [{ orderId: 'asc' }, { orderVersion: 'asc' }, { locationCode: 'asc' }],
          }),
        ),
    }),
    events: t.field({
      type: [OrderEvent],
      description: 'Every change, oldest first.',
      resolve: ({ id }, _args, context, info) =>
        readList(id, 'OrderEvent', context, info, (query) =>
          context.app.prisma.orderEvent.findMany({
            ...query,
            orderBy: [{ orderId: 'asc' }, { version: 'asc' }],
          }),
        ),
    }),
    movements: t.field({
      type: [InventoryMovement],
      description: 'What the order changed in stock, in its order.',
      resolve: ({ id }, _args, context, info) =>
        readList(id, 'InventoryMovement', context, info, (query) =>
          context.app.prisma.inventoryMovement.findMany({ ...query, orderBy: BY_ID }),
        ),
    }),
    jobs: t.field({
      type: [OrderJob],
      nullable: true,
      description:
        'What is to be done for it, oldest first. Null while the queue holds more than 10,000 jobs: it is not searched then. For operators.',
      authScopes: { may: 'readJobs' },
      complexity: { field: JOBS_COST, multiplier: LIST_SIZE_ESTIMATE },
      resolve: ({ id }, _args, { reads }) => reads.jobs.submit(id),
    }),
    deadLetters: t.field({
      type: [DeadLetter],
      description: 'Work for it that was given up, oldest first; also what was retried. For operators.',
      authScopes: { may: 'readDeadLetters' },
      resolve: ({ id }, _args, context, info) =>
        readList(id, 'DeadLetter', context, info, (query) =>
          context.app.prisma.deadLetter.findMany({ ...query, orderBy: [{ orderId: 'asc' }, { id: 'asc' }] }),
        ),
    }),
  }),
})

/** By the order first, as an index has them: by id alone PostgreSQL may walk the primary key, which is the whole table. */
const BY_ID: { orderId?: 'asc'; id?: 'asc' }[] = [{ orderId: 'asc' }, { id: 'asc' }]

/**
 * Reads a list of an order together with those of the other orders at this place in the answer: no more of them than the answer
 * may show.
 */
function readList<Row extends { orderId: string | null }>(
  id: string,
  typeName: string,
  context: GraphQLContext,
  info: GraphQLResolveInfo,
  read: (query: { where: { orderId: { in: string[] } }; take: number }) => Promise<Row[]>,
): Promise<Row[]> {
  const group = context.reads.at(info.fieldNodes, async (ids: string[]) => {
    const wanted = [...new Set(ids)]
    const rows = await read({
      ...queryFromInfo({ context, info, typeName }),
      where: { orderId: { in: wanted } },
      take: entriesMaxOf(wanted.length, context, info),
    })
    const rowsOf = Map.groupBy(rows, ({ orderId }) => orderId)
    return ids.map((id) => rowsOf.get(id) ?? [])
  })
  return group.submit(id)
}

builder.queryField('order', (t) =>
  t.field({
    type: Order,
    nullable: true,
    description: 'An order. Null where there is none, or none that you may see.',
    args: { id: t.arg.id({ required: true, description: "The order's UUID." }) },
    resolve: (_root, { id }, { app, caller }) => findOrder(app, caller, id),
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
      resolve: (_root, { filter, ...args }, context) =>
        readPage(orders, args, async ({ key, isBackwards, sizeMax }) => {
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
          return readOrdersOf(context.app, ids)
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
      const seen = Math.max(afterVersion ?? 0, readVersion(position?.seen))
      const watcher = await app.feed.watch(caller, id, seen, transport, disconnected)
      if (position) position.isOver = watcher.isOver
      return watcher
    },
    resolve: (order, _args, { position, excess }) => {
      if (position) position.id = String(order.version)
      // each event is an answer of its own
      excess.clear()
      return order
    },
  }),
)

/** The version in an event's id; 0 for an id that is none of ours. */
function readVersion(eventId: string | undefined): number {
  return eventId !== undefined && /^\d{1,9}$/.test(eventId) ? Number(eventId) : 0
}
