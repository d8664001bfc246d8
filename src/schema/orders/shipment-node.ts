import type * as domain from '../../domain/orders/shipment.ts'
import { builder } from '../builder.ts'
import { Node } from '../node.ts'

const ShipmentLine = builder.objectRef<domain.ShipmentLine>('ShipmentLine').implement({
  description: 'A quantity of one SKU in a shipment.',
  fields: (t) => ({
    sku: t.exposeString('sku', { description: 'What left.' }),
    qty: t.exposeInt('qty', { description: 'How many.' }),
  }),
})

export const Shipment = builder.prismaObject('Shipment', {
  description: 'Goods of one order that left one location together.',
  interfaces: [Node],
  fields: (t) => ({
    id: t.exposeID('id', { description: 'A UUID, the same in REST.' }),
    order: t.field({
      type: 'Order',
      description: 'Whose goods they are.',
      select: { orderId: true },
      resolve: async ({ orderId }, _args, { app }) => (await app.groups.findOrder.submit(orderId))!,
    }),
    location: t.relation('location', { description: 'Where they left.' }),
    lines: t.field({
      type: [ShipmentLine],
      description: 'What left, by SKU. It stays so if the shipment is undone.',
      select: { movements: { where: { type: 'SHIPMENT' }, orderBy: { sku: 'asc' } } },
      resolve: ({ movements }) => movements.map(({ sku, reservedDelta }) => ({ sku, qty: -reservedDelta })),
    }),
    reference: t.exposeString('reference', {
      nullable: true,
      description: "The shop's own number of it, or the carrier's.",
    }),
    undoneAt: t.expose('undoneAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was undone; null where it was not.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When they left.' }),
  }),
})
