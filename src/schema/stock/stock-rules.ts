import { type SetStockRulesResult, setStockRules } from '../../use-cases/stock/set-stock-rules.ts'
import { builder } from '../builder.ts'
import { USER_ERRORS } from '../user-error.ts'
import { InventoryItem } from './inventory.ts'

const SetStockRulesInput = builder.inputType('SetStockRulesInput', {
  description: 'Rules of an item. What is left out stays as it is; null takes the rule away.',
  fields: (t) => ({
    sku: t.string({ required: true, description: 'Of an item that exists.' }),
    location: t.string({
      description:
        'Where `safetyStock` is never promised: the code of a location; the default one if left out. `lowStockAt` is of the SKU as a whole.',
    }),
    safetyStock: t.field({
      type: 'Quantity',
      description: 'What is never promised of what is available there.',
    }),
    lowStockAt: t.field({
      type: 'Quantity',
      description:
        'The item is low once no more than this can be promised, at all active locations together.',
    }),
  }),
})

const InventoryItemPayload = builder.objectRef<SetStockRulesResult>('InventoryItemPayload').implement({
  description: 'The answer to a change of an item.',
  fields: (t) => ({
    inventoryItem: t.expose('inventoryItem', {
      type: InventoryItem,
      nullable: true,
      description: 'As it is now. Null where the change was refused.',
    }),
    userErrors: t.expose('userErrors', USER_ERRORS),
  }),
})

builder.mutationField('setStockRules', (t) =>
  t.field({
    type: InventoryItemPayload,
    description:
      'Sets what is never promised of a SKU at a location, and at which quantity it is low. Crosses no thresholds. A safety stock that is lowered serves orders that wait. For operators.',
    authScopes: { may: 'setStockRules' },
    args: { input: t.arg({ type: SetStockRulesInput, required: true, description: 'The rules.' }) },
    resolve: (_root, { input }, { app, caller }) => setStockRules(app, caller, input),
  }),
)
