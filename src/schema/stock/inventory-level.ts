import { promisableAt } from '../../domain/stock/stock.ts'
import { builder } from '../builder.ts'
import { levelIdOf, Node } from '../node.ts'

export const InventoryLevel = builder.prismaObject('StockLevel', {
  name: 'InventoryLevel',
  description: 'What there is of one SKU at one location.',
  interfaces: [Node],
  fields: (t) => ({
    id: t.id({
      description: '`level:<SKU>:<location>`',
      select: { sku: true, locationCode: true },
      resolve: levelIdOf,
    }),
    sku: t.exposeString('sku', { description: 'Of which SKU.' }),
    location: t.relation('location', { description: 'Where.' }),
    available: t.expose('available', { type: 'Quantity', description: 'What can still be promised.' }),
    reserved: t.expose('reserved', { type: 'Quantity', description: 'What is promised to orders.' }),
    onHand: t.field({
      type: 'Quantity',
      description: 'Available and reserved together.',
      resolve: ({ available, reserved }) => available + reserved,
    }),
    safetyStock: t.expose('safetyStock', {
      type: 'Quantity',
      description: 'What is never promised of what is available.',
    }),
    availableToPromise: t.field({
      type: 'Quantity',
      description: 'What a new order can get: available less safetyStock, never below 0.',
      resolve: promisableAt,
    }),
  }),
})
