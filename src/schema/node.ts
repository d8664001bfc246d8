import { queryFromInfo } from '@pothos/plugin-prisma'
import { validate as isUuid } from 'uuid'
import { customerSeenBy, isAllowed } from '../domain/authorisation.ts'
import type { Caller } from '../domain/caller.ts'
import { isLocationCode } from '../domain/stock/location.ts'
import { isMovementId, isSku } from '../domain/stock/stock.ts'
import { findOrder } from '../use-cases/orders/find-order.ts'
import { builder } from './builder.ts'
import type { GraphQLContext } from './create-context.ts'

/** A row, and the type that it is of. */
type TypedNode = {
  __typename:
    | 'Order'
    | 'Shipment'
    | 'DeadLetter'
    | 'InventoryItem'
    | 'InventoryLevel'
    | 'InventoryMovement'
    | 'Location'
    | 'Webhook'
    | 'WebhookDelivery'
}

// codes of locations and SKUs have no colon
const ITEM_PREFIX = 'item:'
const LEVEL_PREFIX = 'level:'
const LOCATION_PREFIX = 'location:'

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

export function locationIdOf({ code }: { code: string }): string {
  return LOCATION_PREFIX + code
}

export function levelIdOf({ sku, locationCode }: { sku: string; locationCode: string }): string {
  return `${LEVEL_PREFIX}${sku}:${locationCode}`
}

builder.queryField('node', (t) =>
  t.field({
    type: Node,
    nullable: true,
    description:
      'What has this id: an order, a shipment, a dead letter, a webhook or a delivery by its UUID, a movement by its number, an item by `item:<SKU>`, a location by `location:<code>`, a level by `level:<SKU>:<location>`. Null where there is none, or none that you may see.',
    args: { id: t.arg.id({ required: true, description: 'The `id` of the object.' }) },
    resolve: (_root, { id }, context, info) => {
      const queryOf: QueryOf = (typeName) => queryFromInfo({ context, info, typeName })
      if (id.startsWith(ITEM_PREFIX)) return findItem(id.slice(ITEM_PREFIX.length), queryOf, context)
      if (id.startsWith(LEVEL_PREFIX)) return findLevel(id.slice(LEVEL_PREFIX.length), queryOf, context)
      if (id.startsWith(LOCATION_PREFIX)) {
        return findPlace(id.slice(LOCATION_PREFIX.length), queryOf, context)
      }
      if (isUuid(id)) return findByUuid(id, queryOf, context)
      return isMovementId(id) ? findMovement(BigInt(id), queryOf, context) : null
    },
  }),
)

/** Gives what an operation asks for of a type, as arguments of Prisma. */
type QueryOf = (typeName: TypedNode['__typename']) => object

async function findItem(sku: string, queryOf: QueryOf, { app: { prisma } }: GraphQLContext) {
  if (!isSku(sku)) return null
  return typed(
    'InventoryItem',
    await prisma.inventoryItem.findUnique({ ...queryOf('InventoryItem'), where: { sku } }),
  )
}

async function findLevel(key: string, queryOf: QueryOf, { app: { prisma }, caller }: GraphQLContext) {
  const [sku = '', locationCode = '', ...rest] = key.split(':')
  if (rest.length > 0 || !isSku(sku) || !isLocationCode(locationCode)) return null
  if (!isAllowed(caller, 'readLevels')) return null
  const where = { sku_locationCode: { sku, locationCode } }
  return typed('InventoryLevel', await prisma.stockLevel.findUnique({ ...queryOf('InventoryLevel'), where }))
}

async function findPlace(code: string, queryOf: QueryOf, { app: { prisma } }: GraphQLContext) {
  if (!isLocationCode(code)) return null
  return typed('Location', await prisma.location.findUnique({ ...queryOf('Location'), where: { code } }))
}

async function findByUuid(id: string, queryOf: QueryOf, { app, caller }: GraphQLContext) {
  const { prisma } = app
  const order = await findOrder(app, caller, id)
  if (order) return typed('Order', order)
  const where = { id, order: visibleTo(caller) }
  const shipment = await prisma.shipment.findUnique({ ...queryOf('Shipment'), where })
  if (shipment) return typed('Shipment', shipment)
  return findOperational(id, queryOf, { app, caller })
}

/** What only operators see. */
async function findOperational(
  id: string,
  queryOf: QueryOf,
  { app: { prisma }, caller }: Pick<GraphQLContext, 'app' | 'caller'>,
) {
  if (isAllowed(caller, 'readDeadLetters')) {
    const letter = await prisma.deadLetter.findUnique({ ...queryOf('DeadLetter'), where: { id } })
    if (letter) return typed('DeadLetter', letter)
  }
  if (!isAllowed(caller, 'readWebhooks')) return null
  const webhook = await prisma.webhook.findUnique({ ...queryOf('Webhook'), where: { id } })
  if (webhook) return typed('Webhook', webhook)
  const query = { ...queryOf('WebhookDelivery'), where: { id } }
  return typed('WebhookDelivery', await prisma.webhookDelivery.findUnique(query))
}

async function findMovement(id: bigint, queryOf: QueryOf, { app: { prisma }, caller }: GraphQLContext) {
  // a customer sees the movements of its own orders, as their `movements` do
  const visible = isAllowed(caller, 'readLedger') ? {} : { order: visibleTo(caller) }
  const query = { ...queryOf('InventoryMovement'), where: { id, ...visible } }
  return typed('InventoryMovement', await prisma.inventoryMovement.findUnique(query))
}

/** The orders that a caller may know of, as a condition of Prisma's. */
export function visibleTo(caller: Caller): { customerId?: string } {
  const customerId = customerSeenBy(caller)
  return customerId === null ? {} : { customerId }
}

function typed<Row extends object>(__typename: TypedNode['__typename'], row: Row | null) {
  return row && { ...row, __typename }
}
