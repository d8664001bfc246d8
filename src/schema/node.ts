import { queryFromInfo } from '@pothos/plugin-prisma'
import type { GraphQLResolveInfo } from 'graphql'
import { validate as isUuid } from 'uuid'
import { customerSeenBy, isAllowed } from '../domain/authorisation.ts'
import type { Caller } from '../domain/caller.ts'
import { isMovementId, isSku } from '../domain/stock/stock.ts'
import { builder } from './builder.ts'
import type { GraphQLContext } from './create-context.ts'

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
      if (id.startsWith(ITEM_PREFIX)) return findItem(id.slice(ITEM_PREFIX.length), context, info)
      if (isUuid(id)) return (await findOrder(id, context, info)) ?? findDeadLetter(id, context, info)
      return isMovementId(id) ? findMovement(BigInt(id), context, info) : null
    },
  }),
)

/** The orders that a caller may know of, as a condition of Prisma's. */
export function visibleTo(caller: Caller): { customerId?: string } {
  const customerId = customerSeenBy(caller)
  return customerId === null ? {} : { customerId }
}

async function findItem(sku: string, context: GraphQLContext, info: GraphQLResolveInfo) {
  if (!isSku(sku)) return null
  const query = queryFromInfo({ context, info, typeName: 'InventoryItem' })
  return typed(
    'InventoryItem',
    await context.app.prisma.inventoryItem.findUnique({ ...query, where: { sku } }),
  )
}

async function findOrder(id: string, context: GraphQLContext, info: GraphQLResolveInfo) {
  const query = queryFromInfo({ context, info, typeName: 'Order' })
  const where = { id, ...visibleTo(context.caller) }
  return typed('Order', await context.app.prisma.order.findUnique({ ...query, where }))
}

async function findDeadLetter(id: string, context: GraphQLContext, info: GraphQLResolveInfo) {
  if (!isAllowed(context.caller, 'readDeadLetters')) return null
  const query = queryFromInfo({ context, info, typeName: 'DeadLetter' })
  return typed('DeadLetter', await context.app.prisma.deadLetter.findUnique({ ...query, where: { id } }))
}

/** A customer sees the movements of its own orders, as their `movements` do. */
async function findMovement(id: bigint, context: GraphQLContext, info: GraphQLResolveInfo) {
  const { app, caller } = context
  const query = queryFromInfo({ context, info, typeName: 'InventoryMovement' })
  const where = isAllowed(caller, 'readLedger') ? { id } : { id, order: visibleTo(caller) }
  return typed('InventoryMovement', await app.prisma.inventoryMovement.findUnique({ ...query, where }))
}

function typed<Row extends object>(__typename: TypedNode['__typename'], row: Row | null) {
  return row && { ...row, __typename }
}
