import { type OrderLine as Line, waitingOf } from '../../domain/orders/order-line.ts'
import type { Allocation as Held } from '../../domain/stock/allocation.ts'
import type * as domain from '../../domain/supplier/supplier-request.ts'
import { builder } from '../builder.ts'
import { findItemOf, InventoryItem } from '../stock/inventory.ts'
import { findLocationOf, Location } from '../stock/location-node.ts'

const Allocation = builder.objectRef<Held>('Allocation').implement({
  description: 'What an order holds at one location.',
  fields: (t) => ({
    location: t.field({
      type: Location,
      description: 'Where.',
      resolve: ({ location }, _args, context, info) => findLocationOf(location, context, info),
    }),
    qty: t.exposeInt('qty', { description: 'How many.' }),
  }),
})

const SupplierRequestState = builder.enumType('SupplierRequestState', {
  description: 'How far a supplier is with what it was asked for.',
  values: {
    ACCEPTED: { description: 'It will deliver.' },
    ASKED: { description: 'It has not answered yet.' },
    DELAYED: { description: 'It said "delayed" too often, and nobody asks any more.' },
    DELIVERED: { description: 'It has delivered.' },
    FAILED: { description: 'It accepted, and does not deliver.' },
    REFUSED: { description: 'It did not accept.' },
    UNREACHABLE: { description: 'Whether it delivers is not known, and nobody asks any more.' },
  } as const satisfies Record<domain.SupplierRequestState, object>,
})

const SupplierRequest = builder.objectRef<domain.SupplierRequest>('SupplierRequest').implement({
  description: 'What a supplier is asked for: the waiting part of a line. It outlives its order.',
  fields: (t) => ({
    sku: t.exposeString('sku', { description: 'Of which SKU.' }),
    qty: t.exposeInt('qty', { description: 'How many.' }),
    ref: t.exposeString('ref', {
      nullable: true,
      description: "The supplier's name for what it will deliver.",
    }),
    state: t.expose('state', { type: SupplierRequestState, description: 'How far it is.' }),
    attempts: t.exposeInt('attempts', { description: 'Calls in a row without an answer.' }),
    rechecks: t.exposeInt('rechecks', { description: 'Answers of "delayed".' }),
    askedAt: t.expose('askedAt', { type: 'DateTime', description: 'When it was first asked.' }),
    endedAt: t.expose('endedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When its last answer came; null until then.',
    }),
  }),
})

export const OrderLine = builder.objectRef<Line & { orderId: string }>('OrderLine').implement({
  description: 'A quantity of one SKU in an order: always qty = reserved + waiting + shipped + cancelled.',
  fields: (t) => ({
    sku: t.exposeString('sku', { description: 'What is ordered.' }),
    qty: t.exposeInt('qty', { description: 'How many are ordered.' }),
    reserved: t.exposeInt('reserved', { description: 'Held for the order.' }),
    waiting: t.int({ description: 'Not held yet.', resolve: waitingOf }),
    shipped: t.exposeInt('shipped', { description: 'Those that have left.' }),
    cancelled: t.exposeInt('cancelled', {
      description: 'Given up: by a cancellation, or because the order failed.',
    }),
    returned: t.exposeInt('returned', { description: 'Of those shipped, those that came back.' }),
    allocations: t.field({
      type: [Allocation],
      description: 'Where `reserved` is held.',
      resolve: ({ orderId, sku, reserved }, _args, { reads }) =>
        reserved === 0 ? [] : reads.allocations.submit({ orderId, sku }),
    }),
    supplierRequests: t.field({
      type: [SupplierRequest],
      description: 'What suppliers were asked for. For operators and services.',
      authScopes: { may: 'readSupplierRequests' },
      resolve: async ({ orderId, sku }, _args, { reads }) => {
        const requests = await reads.supplierRequests.submit(orderId)
        return requests.filter((request) => request.sku === sku)
      },
    }),
    inventoryItem: t.field({
      type: InventoryItem,
      description: 'The item of its SKU.',
      resolve: ({ sku }, _args, context, info) => findItemOf(sku, context, info),
    }),
  }),
})
