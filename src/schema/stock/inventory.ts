import { queryFromInfo } from '@pothos/plugin-prisma'
import type { GraphQLResolveInfo } from 'graphql'
import { isSku, promisableAt } from '../../domain/stock/stock.ts'
import { listItems } from '../../use-cases/stock/list-items.ts'
import { builder } from '../builder.ts'
import type { GraphQLContext } from '../create-context.ts'
import { itemIdOf, Node } from '../node.ts'
import { type List, type Page, pageCost, readPage } from '../page.ts'
import { InventoryLevel } from './inventory-level.ts'
import { InventoryMovement, listMovements, MovementConnection } from './inventory-movement.ts'

const items: List<{ sku: string }> = { name: 'inventoryItems', keyOf: ({ sku }) => sku, isKey: isSku }

/** Levels, as all fields of an item read them: together, by one statement. */
const LEVELS = { orderBy: { locationCode: 'asc' } } as const

export const InventoryItem = builder.prismaObject('InventoryItem', {
  description: 'What there is of one SKU.',
  interfaces: [Node],
  fields: (t) => ({
    id: t.id({ description: '`item:<SKU>`', select: { sku: true }, resolve: itemIdOf }),
    sku: t.exposeString('sku', { description: 'Its key: no two items have the same.' }),
    name: t.exposeString('name', { description: 'For people.' }),
    available: t.field({
      type: 'Quantity',
      description: 'What can still be promised, over all locations.',
      select: { levels: LEVELS },
      resolve: ({ levels }) => sum(levels.map(({ available }) => available)),
    }),
    reserved: t.field({
      type: 'Quantity',
      description: 'What is promised to orders, over all locations.',
      select: { levels: LEVELS },
      resolve: ({ levels }) => sum(levels.map(({ reserved }) => reserved)),
    }),
    onHand: t.field({
      type: 'Quantity',
      description: 'Available and reserved together.',
      select: { levels: LEVELS },
      resolve: ({ levels }) => sum(levels.map(({ available, reserved }) => available + reserved)),
    }),
    availableToPromise: t.field({
      type: 'Quantity',
      description: 'What a new order can get, at the locations that orders take from.',
      select: { levels: { ...LEVELS, include: { location: true } } },
      resolve: ({ levels }) => sum(levels.filter(({ location }) => location.isActive).map(promisableAt)),
    }),
    backordered: t.field({
      type: 'Quantity',
      description: 'What orders wait for. For operators and services.',
      authScopes: { may: 'readLevels' },
      select: { sku: true },
      resolve: ({ sku }, _args, { reads }) => reads.backordered.submit(sku),
    }),
    lowStockAt: t.field({
      type: 'Quantity',
      nullable: true,
      description:
        'It is low once no more than this can be promised; null for never. For operators and services.',
      authScopes: { may: 'readLevels' },
      select: { lowStockAt: true },
      resolve: ({ lowStockAt }) => lowStockAt,
    }),
    levels: t.relation('levels', {
      type: InventoryLevel,
      description: 'What there is at each location, by its code. For operators and services.',
      authScopes: { may: 'readLevels' },
      query: LEVELS,
    }),
    // not a relatedConnection: for several items at once Prisma reads their ledgers whole, and cuts them in memory
    movements: t.connection(
      {
        type: InventoryMovement,
        description: 'The ledger of this SKU, newest first. For operators and services.',
        authScopes: { may: 'readLedger' },
        complexity: pageCost,
        select: { sku: true },
        resolve: ({ sku }, args, context) => listMovements({ sku }, args, context),
      },
      MovementConnection,
    ),
  }),
})

/** Reads an item that exists, once with all others at this place in the answer. */
export function findItemOf(sku: string, context: GraphQLContext, info: GraphQLResolveInfo) {
  const group = context.reads.at(info.fieldNodes, async (skus: string[]) => {
    const query = queryFromInfo({ context, info, typeName: 'InventoryItem' })
    const where = { sku: { in: [...new Set(skus)] } }
    const found = await context.app.prisma.inventoryItem.findMany({ ...query, where })
    const itemOf = new Map(found.map((item) => [item.sku, item]))
    return skus.map((sku) => itemOf.get(sku)!)
  })
  return group.submit(sku)
}

builder.queryField('inventoryItem', (t) =>
  t.prismaField({
    type: 'InventoryItem',
    nullable: true,
    description: 'An item. Null where no item has this SKU.',
    args: { sku: t.arg.string({ required: true, description: "The item's SKU." }) },
    resolve: (query, _root, { sku }, { app }) =>
      isSku(sku) ? app.prisma.inventoryItem.findUnique({ ...query, where: { sku } }) : null,
  }),
)

const InventoryItemFilter = builder.inputType('InventoryItemFilter', {
  description: 'Items for which all of it holds.',
  fields: (t) => ({
    skuPrefix: t.string({ description: 'Only those whose SKU begins so, as it is written.' }),
    isLow: t.boolean({
      description:
        'Only those of which no more can be promised than their `lowStockAt`; if false, only others. For operators and services.',
    }),
    isOut: t.boolean({ description: 'Only those of which nothing can be promised; if false, only others.' }),
    isBackordered: t.boolean({
      description: 'Only those that orders wait for; if false, only others. For operators and services.',
    }),
  }),
})

builder.queryField('inventoryItems', (t) =>
  t.connection(
    {
      type: InventoryItem,
      description: 'Items, in the order of their SKUs, by bytes: `B` comes before `a`.',
      complexity: pageCost,
      args: { filter: t.arg({ type: InventoryItemFilter, description: 'Which items; null for all.' }) },
      resolve: (_root, { filter, ...args }, context, info) =>
        readPage(items, args, async (page) => {
          const skus = await listItemsOf(filter ?? {}, page, context)
          const found = await context.app.prisma.inventoryItem.findMany({
            ...queryFromInfo({ context, info, typeName: 'InventoryItem', path: ['edges', 'node'] }),
            where: { sku: { in: skus } },
            take: skus.length,
          })
          return inOrderOf(skus, found)
        }),
    },
    { name: 'InventoryItemConnection', description: 'A page of items.' },
    { name: 'InventoryItemEdge', description: 'An item of a page.' },
  ),
)

function inOrderOf<Item extends { sku: string }>(skus: readonly string[], items: readonly Item[]): Item[] {
  const itemOf = new Map(items.map((item) => [item.sku, item]))
  return skus.flatMap((sku) => itemOf.get(sku) ?? [])
}

function listItemsOf(
  { skuPrefix, isLow, isOut, isBackordered }: typeof InventoryItemFilter.$inferInput,
  { key, isBackwards, sizeMax }: Page,
  { app, caller }: GraphQLContext,
): Promise<string[]> {
  return listItems(app, caller, {
    skuPrefix: skuPrefix ?? null,
    isLow: isLow ?? null,
    isOut: isOut ?? null,
    isBackordered: isBackordered ?? null,
    cursor: key ?? null,
    direction: isBackwards ? 'earlier' : 'later',
    sizeMax,
  })
}

function sum(quantities: readonly bigint[]): bigint {
  return quantities.reduce((total, quantity) => total + quantity, 0n)
}
