import { queryFromInfo } from '@pothos/plugin-prisma'
import { validate as isUuid } from 'uuid'
import { customerSeenBy, isAllowed } from '../domain/authorisation.ts'
import type { Caller } from '../domain/caller.ts'
import { isMovementId, isSku } from '../domain/stock/stock.ts'
import { builder } from './builder.ts'

/** A row, and the type that it is of. */
type TypedNode = { __typename: 'Order' | 'DeadLetter' | 'InventoryItem' | 'InventoryMovement' }

const ITEM_PREFIX = 'item:'

export const Node = builder.interfaceRef<object>('Node').implement({
  description: "What a client's cache may keep under its id, and `node` finds again.",
  fields: (t) => ({
    id: t.id({
      description: 'No two objects have the same, of whatever type.',
      resolve: (value) => {
        throw new Error(`${Object.keys(value)} is of a type without an id`)
      },
    }),
  }),
  resolveType: (value) => (value as TypedNode).__typename,
})

/** An item has no id in the database: its SKU is its key there. */
export function itemIdOf({ sku }: { sku: string }): string {
  return ITEM_PREFIX + sku
}

builder.queryField('node', (t) =>
  t.field({
    type: Node,
    nullable: true,
    description:
      'What has this id: an order or a dead letter by its UUID, a movement by its number, an item by `item:<SKU>`. Null where there is none, or none that you may see.',
    args: { id: t.arg.id({ required: true, description: 'The `id` of the object.' }) },
    resolve: async (_root, { id }, context, info) => {
      const { caller } = context
      const { prisma } = context.app
      const queryOf = (typeName: TypedNode['__typename']) => queryFromInfo({ context, info, typeName })
      if (id.startsWith(ITEM_PREFIX)) {
        const sku = id.slice(ITEM_PREFIX.length)
        if (!isSku(sku)) return null
        const query = { ...queryOf('InventoryItem'), where: { sku } }
        return typed('InventoryItem', await prisma.inventoryItem.findUnique(query))
      }
      if (isUuid(id)) {
        const query = { ...queryOf('Order'), where: { id, ...visibleTo(caller) } }
        const order = await prisma.order.findUnique(query)
        if (order || !isAllowed(caller, 'readDeadLetters')) return typed('Order', order)
        const letterQuery = { ...queryOf('DeadLetter'), where: { id } }
        return typed('DeadLetter', await prisma.deadLetter.findUnique(letterQuery))
      }
      if (!isMovementId(id)) return null
      // a customer sees the movements of its own orders, as their `movements` do
      const visible = isAllowed(caller, 'readLedger') ? {} : { order: visibleTo(caller) }
      const query = { ...queryOf('InventoryMovement'), where: { id: BigInt(id), ...visible } }
      return typed('InventoryMovement', await prisma.inventoryMovement.findUnique(query))
    },
  }),
)

/** The orders that a caller may know of, as a condition of Prisma's. */
export function visibleTo(caller: Caller): { customerId?: string } {
  const customerId = customerSeenBy(caller)
  return customerId === null ? {} : { customerId }
}

function typed<Row extends object>(__typename: TypedNode['__typename'], row: Row | null) {
  return row && { ...row, __typename }
}
