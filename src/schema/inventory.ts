import { prismaConnectionHelpers } from '@pothos/plugin-prisma'
import { isSku, MOVEMENT_TYPES } from '../domain/stock.ts'
import { type AdjustInventoryResult, adjustInventory } from '../use-cases/adjust-inventory.ts'
import { type CreateInventoryItemResult, createInventoryItem } from '../use-cases/create-inventory-item.ts'
import { builder } from './builder.ts'
import type { GraphQLContext } from './create-context.ts'
import { assertCursor, pageCost, pageSizes } from './page.ts'
import { UserErrorType } from './user-error.ts'

const MovementType = builder.enumType('MovementType', { values: MOVEMENT_TYPES })

const InventoryMovement = builder.prismaObject('InventoryMovement', {
  description: 'One change of what is available of a SKU, as the ledger keeps it.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'Per SKU, ids run in the order of the changes.' }),
    sku: t.exposeString('sku'),
    type: t.expose('type', { type: MovementType }),
    delta: t.exposeInt('delta'),
    availableAfter: t.expose('availableAfter', { type: 'Quantity' }),
    order: t.relation('order', { nullable: true }),
    reason: t.exposeString('reason', { nullable: true }),
    actor: t.exposeString('actor', {
      nullable: true,
      description: 'Who made the change, where it was a caller.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
  }),
})

const MovementConnection = builder.connectionObject({
  type: InventoryMovement,
  name: 'InventoryMovementConnection',
})

const movementPages = prismaConnectionHelpers(builder, InventoryMovement, { cursor: 'id', ...pageSizes })

/** The page of a SKU's ledger that a connection's arguments ask for; of an unknown SKU an empty one. */
async function listMovements(
  sku: string,
  args: PothosSchemaTypes.DefaultConnectionArguments,
  context: GraphQLContext,
) {
  const { cursor, take = 0 } = movementPages.getQuery(args, context, () => ({}))
  const id = cursor?.id
  assertCursor(id, isMovementId)
  const movements = await context.movementPages.submit({
    sku,
    cursor: id === undefined ? null : BigInt(id),
    direction: take < 0 ? 'newer' : 'older',
    sizeMax: Math.abs(take),
  })
  return movementPages.resolve(movements, args, context)
}

function isMovementId(key: unknown): boolean {
  return typeof key === 'bigint' && BigInt.asIntN(64, key) === key
}

const InventoryItem = builder.prismaObject('InventoryItem', {
  description: 'What there is of one SKU.',
  fields: (t) => ({
    sku: t.exposeString('sku'),
    name: t.exposeString('name'),
    available: t.expose('available', { type: 'Quantity', description: 'What can still be promised.' }),
    reserved: t.expose('reserved', { type: 'Quantity', description: 'What is promised to orders.' }),
    onHand: t.field({
      type: 'Quantity',
      description: 'Available and reserved together.',
      select: { available: true, reserved: true },
      resolve: ({ available, reserved }) => available + reserved,
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
    args: { sku: t.arg.string({ required: true }) },
    resolve: (query, _root, { sku }, { app }) =>
      isSku(sku) ? app.prisma.inventoryItem.findUnique({ ...query, where: { sku } }) : null,
  }),
)

builder.queryField('inventoryItems', (t) =>
  t.prismaConnection(
    {
      type: 'InventoryItem',
      description: 'Items, in the order of their SKUs.',
      cursor: 'sku',
      ...pageSizes,
      complexity: pageCost,
      resolve: (query, _root, _args, { app }) => {
        assertCursor(query.cursor?.sku, (key) => typeof key === 'string' && isSku(key))
        return app.prisma.inventoryItem.findMany({ ...query, orderBy: { sku: 'asc' } })
      },
    },
    { name: 'InventoryItemConnection' },
    { name: 'InventoryItemEdge' },
  ),
)

builder.queryField('movements', (t) =>
  t.connection(
    {
      type: InventoryMovement,
      description: 'The ledger of a SKU, newest first. For operators and services.',
      authScopes: { may: 'readLedger' },
      complexity: pageCost,
      args: { sku: t.arg.string({ required: true }) },
      resolve: (_root, { sku, ...args }, context) => listMovements(sku, args, context),
    },
    MovementConnection,
  ),
)

const CreateInventoryItemInput = builder.inputType('CreateInventoryItemInput', {
  fields: (t) => ({
    sku: t.string({ required: true, description: '1 to 64 of letters, digits, ".", "_" and "-"' }),
    name: t.string({ required: true }),
    available: t.int({ defaultValue: 0, description: '0 to 2,000,000,000' }),
  }),
})

const CreateInventoryItemPayload = builder
  .objectRef<CreateInventoryItemResult>('CreateInventoryItemPayload')
  .implement({
    fields: (t) => ({
      inventoryItem: t.field({
        type: InventoryItem,
        nullable: true,
        resolve: ({ inventoryItem }) => inventoryItem,
      }),
      userErrors: t.field({ type: [UserErrorType], resolve: ({ userErrors }) => userErrors }),
    }),
  })

builder.mutationField('createInventoryItem', (t) =>
  t.field({
    type: CreateInventoryItemPayload,
    description: 'Creates an item. What it starts with comes in by a RECEIPT movement. For operators.',
    authScopes: { may: 'createInventoryItem' },
    args: { input: t.arg({ type: CreateInventoryItemInput, required: true }) },
    resolve: (_root, { input }, { app, caller }) =>
      createInventoryItem(app, caller, {
        sku: input.sku,
        name: input.name,
        available: input.available ?? 0,
      }),
  }),
)

const AdjustInventoryInput = builder.inputType('AdjustInventoryInput', {
  fields: (t) => ({
    sku: t.string({ required: true }),
    delta: t.int({
      required: true,
      description: 'What to add to what is available; below zero to take from it.',
    }),
    reason: t.string({ required: true }),
    expectedAvailable: t.int({ description: 'When something else is available, nothing changes.' }),
  }),
})

const AdjustInventoryPayload = builder.objectRef<AdjustInventoryResult>('AdjustInventoryPayload').implement({
  fields: (t) => ({
    inventoryItem: t.field({
      type: InventoryItem,
      nullable: true,
      resolve: ({ inventoryItem }) => inventoryItem,
    }),
    movement: t.field({ type: InventoryMovement, nullable: true, resolve: ({ movement }) => movement }),
    userErrors: t.field({ type: [UserErrorType], resolve: ({ userErrors }) => userErrors }),
  }),
})

builder.mutationField('adjustInventory', (t) =>
  t.field({
    type: AdjustInventoryPayload,
    description: 'Changes what is available of a SKU by a delta, with an ADJUSTMENT movement. For operators.',
    authScopes: { may: 'adjustInventory' },
    args: { input: t.arg({ type: AdjustInventoryInput, required: true }) },
    resolve: (_root, { input }, { app, caller }) =>
      adjustInventory(app, caller, {
        sku: input.sku,
        delta: input.delta,
        reason: input.reason,
        expectedAvailable: input.expectedAvailable ?? null,
      }),
  }),
)
