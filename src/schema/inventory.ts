import { queryFromInfo } from '@pothos/plugin-prisma'
import { isMovementId, isSku, ledgerOf, type InventoryMovement as Movement } from '../domain/stock/stock.ts'
import { type AdjustInventoryResult, adjustInventory } from '../use-cases/stock/adjust-inventory.ts'
import {
  type CreateInventoryItemResult,
  createInventoryItem,
} from '../use-cases/stock/create-inventory-item.ts'
import { builder } from './builder.ts'
import type { GraphQLContext } from './create-context.ts'
import { itemIdOf, Node } from './node.ts'
import { byColumn, type List, pageCost, readPage } from './page.ts'
import { USER_ERRORS } from './user-error.ts'

const MovementType = builder.enumType('MovementType', {
  description: 'Why what is available changed.',
  values: {
    ADJUSTMENT: { description: 'An operator added or took some.' },
    RECEIPT: { description: 'What the item started with came in.' },
    RELEASE: { description: 'An order gave it back: it was cancelled or failed.' },
    RESERVATION: { description: 'An order got it.' },
    RETURN: { description: 'It came back after it was shipped.' },
    SHIPMENT: { description: 'It left.' },
    SHIPMENT_UNDONE: { description: 'Its shipment was undone.' },
    SUPPLIER_RECEIPT: { description: 'A supplier delivered it for an order.' },
  } as const satisfies Record<Movement['type'], object>,
})

const InventoryMovement = builder.prismaObject('InventoryMovement', {
  description: 'One change of what is available of a SKU, as the ledger keeps it.',
  interfaces: [Node],
  fields: (t) => ({
    id: t.exposeID('id', {
      description: 'A whole number. Per SKU, ids run in the order of the changes.',
    }),
    sku: t.exposeString('sku', { description: 'Of which SKU.' }),
    type: t.expose('type', { type: MovementType, description: 'Why.' }),
    delta: t.exposeInt('delta', { description: 'What was added to what is available.' }),
    availableAfter: t.expose('availableAfter', {
      type: 'Quantity',
      description: 'What was available right after it.',
    }),
    order: t.relation('order', { nullable: true, description: 'The order that caused it; else null.' }),
    reason: t.exposeString('reason', {
      nullable: true,
      description: 'What the operator wrote who made it; else null.',
    }),
    actor: t.exposeString('actor', {
      nullable: true,
      description: 'Who made the change, where it was a caller.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When.' }),
  }),
})

const MovementConnection = builder.connectionObject(
  {
    type: InventoryMovement,
    name: 'InventoryMovementConnection',
    description: 'A page of a ledger.',
  },
  { name: 'InventoryMovementEdge', description: 'A movement of a page.' },
)

function sum(quantities: readonly bigint[]): bigint {
  return quantities.reduce((total, quantity) => total + quantity, 0n)
}

/** A movement as the table has it. */
function rowOf({ location: locationCode, ...movement }: Movement) {
  return { ...movement, locationCode }
}

/** The page of a SKU's ledger that a connection's arguments ask for; of an unknown SKU an empty one. */
function listMovements(
  sku: string,
  args: PothosSchemaTypes.DefaultConnectionArguments,
  { movementPages }: GraphQLContext,
) {
  const ledger = { name: ledgerOf(sku), keyOf: ({ id }: { id: bigint }) => String(id), isKey: isMovementId }
  return readPage(ledger, args, async ({ key, isBackwards, sizeMax }) => {
    const page = await movementPages.submit({
      sku,
      location: null,
      cursor: key === undefined ? null : BigInt(key),
      direction: isBackwards ? 'newer' : 'older',
      sizeMax,
    })
    return page.map(rowOf)
  })
}

const items: List<{ sku: string }> = { name: 'inventoryItems', keyOf: ({ sku }) => sku, isKey: isSku }

export const InventoryItem = builder.prismaObject('InventoryItem', {
  description: 'What there is of one SKU.',
  interfaces: [Node],
  fields: (t) => ({
    id: t.id({ description: '`item:<SKU>`', select: { sku: true }, resolve: itemIdOf }),
    sku: t.exposeString('sku', { description: 'Its key: no two items have the same.' }),
    name: t.exposeString('name', { description: 'For people.' }),
    available: t.field({
      type: 'Quantity',
      description: 'What can still be promised.',
      select: { levels: true },
      resolve: ({ levels }) => sum(levels.map(({ available }) => available)),
    }),
    reserved: t.field({
      type: 'Quantity',
      description: 'What is promised to orders.',
      select: { levels: true },
      resolve: ({ levels }) => sum(levels.map(({ reserved }) => reserved)),
    }),
    onHand: t.field({
      type: 'Quantity',
      description: 'Available and reserved together.',
      select: { levels: true },
      resolve: ({ levels }) => sum(levels.map(({ available, reserved }) => available + reserved)),
    }),
    // not a relatedConnection: for several items at once Prisma reads their ledgers whole, and cuts them in memory
    movements: t.connection(
      {
        type: InventoryMovement,
        description: 'The ledger of this SKU, newest first. For operators and services.',
        authScopes: { may: 'readLedger' },
        complexity: pageCost,
        select: { sku: true },
        resolve: ({ sku }, args, context) => listMovements(sku, args, context),
      },
      MovementConnection,
    ),
  }),
})

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

builder.queryField('inventoryItems', (t) =>
  t.connection(
    {
      type: InventoryItem,
      description: 'Items, in the order of their SKUs.',
      complexity: pageCost,
      resolve: (_root, args, context, info) =>
        readPage(items, args, (page) => {
          const { take, beyond } = byColumn(page, 'asc')
          return context.app.prisma.inventoryItem.findMany({
            ...queryFromInfo({ context, info, typeName: 'InventoryItem', path: ['edges', 'node'] }),
            where: { sku: beyond },
            orderBy: { sku: 'asc' },
            take,
          })
        }),
    },
    { name: 'InventoryItemConnection', description: 'A page of items.' },
    { name: 'InventoryItemEdge', description: 'An item of a page.' },
  ),
)

builder.queryField('movements', (t) =>
  t.connection(
    {
      type: InventoryMovement,
      description: 'The ledger of a SKU, newest first. For operators and services.',
      authScopes: { may: 'readLedger' },
      complexity: pageCost,
      args: {
        sku: t.arg.string({ required: true, description: 'Whose ledger; that of an unknown SKU is empty.' }),
      },
      resolve: (_root, { sku, ...args }, context) => listMovements(sku, args, context),
    },
    MovementConnection,
  ),
)

const CreateInventoryItemInput = builder.inputType('CreateInventoryItemInput', {
  description: 'A new item.',
  fields: (t) => ({
    sku: t.string({ required: true, description: '1 to 64 of letters, digits, ".", "_" and "-"' }),
    name: t.string({ required: true, description: 'For people: 1 to 200 characters on one line.' }),
    available: t.int({ defaultValue: 0, description: 'What it starts with: 0 to 2,000,000,000.' }),
  }),
})

const CreateInventoryItemPayload = builder
  .objectRef<CreateInventoryItemResult>('CreateInventoryItemPayload')
  .implement({
    description: 'The answer to createInventoryItem.',
    fields: (t) => ({
      inventoryItem: t.expose('inventoryItem', {
        type: InventoryItem,
        nullable: true,
        description: 'Null where it was refused.',
      }),
      userErrors: t.expose('userErrors', USER_ERRORS),
    }),
  })

builder.mutationField('createInventoryItem', (t) =>
  t.field({
    type: CreateInventoryItemPayload,
    description: 'Creates an item. What it starts with comes in by a RECEIPT movement. For operators.',
    authScopes: { may: 'createInventoryItem' },
    args: { input: t.arg({ type: CreateInventoryItemInput, required: true, description: 'The item.' }) },
    resolve: (_root, { input }, { app, caller }) =>
      createInventoryItem(app, caller, { ...input, available: input.available ?? 0 }),
  }),
)

const AdjustInventoryInput = builder.inputType('AdjustInventoryInput', {
  description: 'A change of what is available.',
  fields: (t) => ({
    sku: t.string({ required: true, description: 'Of an item that exists.' }),
    delta: t.int({
      required: true,
      description: 'What to add to what is available; below zero to take from it.',
    }),
    reason: t.string({ required: true, description: 'For the ledger: 1 to 500 characters on one line.' }),
    expectedAvailable: t.field({
      type: 'Quantity',
      description: 'When something else is available, nothing changes.',
    }),
  }),
})

const AdjustInventoryPayload = builder.objectRef<AdjustInventoryResult>('AdjustInventoryPayload').implement({
  description: 'The answer to adjustInventory.',
  fields: (t) => ({
    inventoryItem: t.expose('inventoryItem', {
      type: InventoryItem,
      nullable: true,
      description: 'As it is now. Null where the change was refused.',
    }),
    movement: t.field({
      type: InventoryMovement,
      nullable: true,
      description: 'The change, as the ledger keeps it. Null where it was refused.',
      resolve: ({ movement }) => movement && rowOf(movement),
    }),
    userErrors: t.expose('userErrors', USER_ERRORS),
  }),
})

builder.mutationField('adjustInventory', (t) =>
  t.field({
    type: AdjustInventoryPayload,
    description: 'Changes what is available of a SKU by a delta, with an ADJUSTMENT movement. For operators.',
    authScopes: { may: 'adjustInventory' },
    args: { input: t.arg({ type: AdjustInventoryInput, required: true, description: 'The change.' }) },
    resolve: (_root, { input }, { app, caller }) =>
      adjustInventory(app, caller, { ...input, expectedAvailable: input.expectedAvailable ?? null }),
  }),
)
