import type { OnShortfall as OnShortfallOf } from '../../domain/stock/plan-changes.ts'
import type { StockLevel } from '../../domain/stock/stock.ts'
import { LIST_SIZE_ESTIMATE } from '../../limits.ts'
import type { ErrorPolicy as ErrorPolicyOf } from '../../use-cases/stock/change-many.ts'
import { adjustInventories } from '../../use-cases/stock/verbs/adjust-inventories.ts'
import type { BulkResult, BulkRowResult } from '../../use-cases/stock/verbs/bulk-result.ts'
import { countInventory } from '../../use-cases/stock/verbs/count-inventory.ts'
import {
  type ReceiveInventoryResult,
  receiveInventory,
} from '../../use-cases/stock/verbs/receive-inventory.ts'
import {
  type TransferInventoryResult,
  transferInventory,
} from '../../use-cases/stock/verbs/transfer-inventory.ts'
import { builder } from '../builder.ts'
import { Order } from '../orders/order.ts'
import { IDEMPOTENCY_KEY, OrderLineInput } from '../orders/order-changes.ts'
import { USER_ERRORS } from '../user-error.ts'
import { InventoryLevel } from './inventory-level.ts'
import { InventoryMovement, movementRowOf } from './inventory-movement.ts'

/** Lists of what a call itself made are no longer than its input: nobody is refused an answer for what is done by then. */
const MADE_COST = { field: 0, multiplier: LIST_SIZE_ESTIMATE }

const LOCATION = { description: 'Where: the code of a location; the default one if left out.' }
const REASON = { description: 'For the ledger: 1 to 500 characters on one line.' }
const REFERENCE = {
  description: "The caller's own number of a document: 1 to 200 characters on one line.",
}
const DRY_RUN = {
  defaultValue: false,
  description: 'Reports the outcome without changing anything. It does not consume the key.',
}

export const OnShortfall = builder.enumType('OnShortfall', {
  description: 'How to treat a change that leaves less than is promised to orders.',
  values: {
    REFUSE: { description: 'They are kept, and the change is refused.' },
    UNRESERVE_NEWEST: {
      description: 'The newest orders lose them, as many as it takes, and wait in line for stock.',
    },
  } as const satisfies Record<OnShortfallOf, object>,
})

const ErrorPolicy = builder.enumType('ErrorPolicy', {
  description: 'How to treat the other changes if one is refused.',
  values: {
    ALL_OR_NOTHING: { description: 'None is made.' },
    SKIP_FAILED: { description: 'The others are made.' },
  } as const satisfies Record<ErrorPolicyOf, object>,
})

const ERROR_POLICY = {
  type: ErrorPolicy,
  defaultValue: 'ALL_OR_NOTHING',
  description: 'How to treat the others if one is refused.',
} as const

// receive

const ReceiveInventoryInput = builder.inputType('ReceiveInventoryInput', {
  description: 'Goods that came in.',
  fields: (t) => ({
    sku: t.string({ required: true, description: 'Of an item that exists.' }),
    location: t.string(LOCATION),
    qty: t.int({ required: true, description: '1 to 2,147,483,647' }),
    reason: t.string(REASON),
    reference: t.string(REFERENCE),
    idempotencyKey: t.string(IDEMPOTENCY_KEY),
  }),
})

const InventoryLevelPayload = builder.objectRef<ReceiveInventoryResult>('InventoryLevelPayload').implement({
  description: 'The answer to receiveInventory.',
  fields: (t) => ({
    level: t.field({
      type: InventoryLevel,
      nullable: true,
      description: 'As it is now. Null where it was refused.',
      resolve: ({ level }) => level && levelRowOf(level),
    }),
    movement: t.field({
      type: InventoryMovement,
      nullable: true,
      description: 'The receipt, as the ledger keeps it. Null where it was refused.',
      resolve: ({ movement }) => movement && movementRowOf(movement),
    }),
    userErrors: t.expose('userErrors', USER_ERRORS),
  }),
})

builder.mutationField('receiveInventory', (t) =>
  t.field({
    type: InventoryLevelPayload,
    description:
      'Takes goods in at a location, with a RECEIPT movement, and serves the orders that wait for them. For operators and services.',
    authScopes: { may: 'receiveInventory' },
    args: { input: t.arg({ type: ReceiveInventoryInput, required: true, description: 'The goods.' }) },
    resolve: (_root, { input }, { app, caller }) => receiveInventory(app, caller, input),
  }),
)

// transfer

const TransferInventoryInput = builder.inputType('TransferInventoryInput', {
  description: 'What goes from one location to another.',
  fields: (t) => ({
    from: t.string({ required: true, description: 'The code of the location that it leaves.' }),
    to: t.string({ required: true, description: 'The code of the one that it comes to.' }),
    lines: t.field({ type: [OrderLineInput], required: true, description: '1 to 1,000, each SKU once.' }),
    reason: t.string(REASON),
    reference: t.string(REFERENCE),
    idempotencyKey: t.string(IDEMPOTENCY_KEY),
  }),
})

const TransferPayload = builder.objectRef<TransferInventoryResult>('TransferPayload').implement({
  description: 'The answer to transferInventory.',
  fields: (t) => ({
    movements: t.field({
      type: [InventoryMovement],
      description: 'Of each line what left and what came, in their order. None where it was refused.',
      complexity: MADE_COST,
      resolve: ({ movements }) => movements.map(movementRowOf),
    }),
    userErrors: t.field({ ...USER_ERRORS, complexity: MADE_COST, resolve: ({ userErrors }) => userErrors }),
  }),
})

builder.mutationField('transferInventory', (t) =>
  t.field({
    type: TransferPayload,
    description:
      'Moves what is available of SKUs from one location to another, all or nothing, each by two movements. What is promised to orders stays. For operators and services.',
    authScopes: { may: 'transferInventory' },
    args: { input: t.arg({ type: TransferInventoryInput, required: true, description: 'The goods.' }) },
    resolve: (_root, { input }, { app, caller }) => transferInventory(app, caller, input),
  }),
)

// many at once

const BulkResultType = builder.objectRef<BulkRowResult>('BulkResult').implement({
  description: 'Result of one change of many.',
  fields: (t) => ({
    index: t.exposeInt('index', { description: 'Its place in the input, from 0.' }),
    sku: t.exposeString('sku', { description: 'Of which SKU.' }),
    before: t.expose('before', {
      type: 'Quantity',
      nullable: true,
      description:
        'What was there before it: available of a change by a delta, on hand of a count. Null where nothing is known of it.',
    }),
    after: t.expose('after', {
      type: 'Quantity',
      nullable: true,
      description: 'What is there after it, or would be by a dry run. Null where it was not made.',
    }),
    movement: t.field({
      type: InventoryMovement,
      nullable: true,
      description: 'As the ledger keeps it. Null where it was not made, or a count found no difference.',
      resolve: ({ movement }) => movement && movementRowOf(movement),
    }),
    userErrors: t.field({ ...USER_ERRORS, complexity: MADE_COST, resolve: ({ userErrors }) => userErrors }),
  }),
})

const BulkPayload = builder.objectRef<BulkResult>('BulkPayload').implement({
  description: 'The answer to many changes at once.',
  fields: (t) => ({
    results: t.field({
      type: [BulkResultType],
      description: 'Results of the changes, in their order. None if the call was refused as a whole.',
      complexity: MADE_COST,
      resolve: ({ results }) => results,
    }),
    changed: t.exposeInt('changed', { description: 'How many changed something, or would by a dry run.' }),
    refused: t.exposeInt('refused', { description: 'How many were refused.' }),
    unreserved: t.field({
      type: [Order],
      description:
        'Orders that a shortfall sent back to waiting, oldest first; by a dry run those that it would send.',
      resolve: ({ unreserved }) => [...unreserved],
    }),
    userErrors: t.field({
      ...USER_ERRORS,
      description: 'Why nothing was changed; empty where something was. With SKIP_FAILED see `results`.',
      complexity: MADE_COST,
      resolve: ({ userErrors }) => userErrors,
    }),
  }),
})

const InventoryDeltaInput = builder.inputType('InventoryDeltaInput', {
  description: 'One change of many.',
  fields: (t) => ({
    sku: t.string({ required: true, description: 'Of an item that exists.' }),
    location: t.string(LOCATION),
    delta: t.int({
      required: true,
      description: 'What to add to what is available; below zero to take from it.',
    }),
    expectedAvailable: t.field({
      type: 'Quantity',
      description: 'When something else is available there, after those before it, it is refused.',
    }),
    reference: t.string(REFERENCE),
  }),
})

const AdjustInventoriesInput = builder.inputType('AdjustInventoriesInput', {
  description: 'Changes of what is available, made one after the other.',
  fields: (t) => ({
    changes: t.field({ type: [InventoryDeltaInput], required: true, description: '1 to 1,000' }),
    reason: t.string({ required: true, ...REASON }),
    errorPolicy: t.field(ERROR_POLICY),
    dryRun: t.boolean(DRY_RUN),
    idempotencyKey: t.string(IDEMPOTENCY_KEY),
  }),
})

builder.mutationField('adjustInventories', (t) =>
  t.field({
    type: BulkPayload,
    description:
      'Changes what is available of many SKUs by deltas, each with an ADJUSTMENT movement, in one transaction. For operators.',
    authScopes: { may: 'adjustInventories' },
    args: { input: t.arg({ type: AdjustInventoriesInput, required: true, description: 'The changes.' }) },
    resolve: (_root, { input }, { app, caller }) => adjustInventories(app, caller, input),
  }),
)

const CountInput = builder.inputType('CountInput', {
  description: 'What was counted of one SKU.',
  fields: (t) => ({
    sku: t.string({ required: true, description: 'Of an item that exists.' }),
    counted: t.field({ type: 'Quantity', required: true, description: 'On hand, reserved included.' }),
    asOf: t.id({
      description:
        'The newest movement of the SKU at the location that the count sheet knows; 0 where it knows none. Null: now.',
    }),
  }),
})

const CountInventoryInput = builder.inputType('CountInventoryInput', {
  description: 'What was counted at a location.',
  fields: (t) => ({
    location: t.string(LOCATION),
    counts: t.field({ type: [CountInput], required: true, description: '1 to 1,000, each SKU once.' }),
    reason: t.string({ required: true, ...REASON }),
    reference: t.string(REFERENCE),
    onShortfall: t.field({
      type: OnShortfall,
      defaultValue: 'REFUSE',
      description: 'How to treat a count below what is promised to orders.',
    }),
    errorPolicy: t.field(ERROR_POLICY),
    dryRun: t.boolean(DRY_RUN),
    idempotencyKey: t.string(IDEMPOTENCY_KEY),
  }),
})

builder.mutationField('countInventory', (t) =>
  t.field({
    type: BulkPayload,
    description:
      'Corrects what is on hand at a location to what was counted, each difference with a COUNT movement. What moved since the movement of `asOf` stays as it moved. For operators and services.',
    authScopes: { may: 'countInventory' },
    args: { input: t.arg({ type: CountInventoryInput, required: true, description: 'The counts.' }) },
    resolve: (_root, { input }, { app, caller }) =>
      countInventory(app, caller, {
        ...input,
        counts: input.counts.map(({ asOf, ...count }) => ({
          ...count,
          asOf: asOf == null ? null : String(asOf),
        })),
      }),
  }),
)

/** A level as the table has it. */
function levelRowOf({ location: locationCode, ...level }: StockLevel) {
  return { ...level, locationCode }
}
