import { type AdjustInventoryResult, adjustInventory } from '../../use-cases/stock/verbs/adjust-inventory.ts'
import {
  type CreateInventoryItemResult,
  createInventoryItem,
} from '../../use-cases/stock/verbs/create-inventory-item.ts'
import { builder } from '../builder.ts'
import { IDEMPOTENCY_KEY } from '../orders/order-changes.ts'
import { USER_ERRORS } from '../user-error.ts'
import { InventoryItem } from './inventory.ts'
import { InventoryMovement, movementRowOf } from './inventory-movement.ts'
import { OnShortfall } from './stock-keeping.ts'

const CreateInventoryItemInput = builder.inputType('CreateInventoryItemInput', {
  description: 'A new item.',
  fields: (t) => ({
    sku: t.string({ required: true, description: '1 to 64 of letters, digits, ".", "_" and "-"' }),
    name: t.string({ required: true, description: 'For people: 1 to 200 characters on one line.' }),
    available: t.int({ defaultValue: 0, description: 'What it starts with: 0 to 2,000,000,000.' }),
    location: t.string({
      description: 'Where that is: the code of a location; the default one if left out.',
    }),
    idempotencyKey: t.string(IDEMPOTENCY_KEY),
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
  description: 'A change of what is available at a location.',
  fields: (t) => ({
    sku: t.string({ required: true, description: 'Of an item that exists.' }),
    delta: t.int({
      required: true,
      description: 'What to add to what is available; below zero to take from it.',
    }),
    reason: t.string({ required: true, description: 'For the ledger: 1 to 500 characters on one line.' }),
    location: t.string({ description: 'Where: the code of a location; the default one if left out.' }),
    reference: t.string({
      description: "The caller's own number of a document: 1 to 200 characters on one line.",
    }),
    expectedAvailable: t.field({
      type: 'Quantity',
      description: 'When something else is available there, nothing changes.',
    }),
    onShortfall: t.field({
      type: OnShortfall,
      defaultValue: 'REFUSE',
      description: 'How to treat a change that takes more than is available.',
    }),
    idempotencyKey: t.string(IDEMPOTENCY_KEY),
  }),
})

const AdjustInventoryPayload = builder.objectRef<AdjustInventoryResult>('AdjustInventoryPayload').implement({
  description: 'The answer to adjustInventory.',
  fields: (t) => ({
    inventoryItem: t.expose('inventoryItem', {
      type: InventoryItem,
      nullable: true,
      description: 'As it is now, over all locations. Null where the change was refused.',
    }),
    movement: t.field({
      type: InventoryMovement,
      nullable: true,
      description: 'The change, as the ledger keeps it. Null where it was refused.',
      resolve: ({ movement }) => movement && movementRowOf(movement),
    }),
    userErrors: t.expose('userErrors', USER_ERRORS),
  }),
})

builder.mutationField('adjustInventory', (t) =>
  t.field({
    type: AdjustInventoryPayload,
    description:
      'Changes what is available of a SKU at a location by a delta, with an ADJUSTMENT movement. For operators.',
    authScopes: { may: 'adjustInventory' },
    args: { input: t.arg({ type: AdjustInventoryInput, required: true, description: 'The change.' }) },
    resolve: (_root, { input }, { app, caller }) =>
      adjustInventory(app, caller, { ...input, expectedAvailable: input.expectedAvailable ?? null }),
  }),
)
