import type { Location as LocationOf } from '../../domain/stock/location.ts'
import { isMovementId, ledgerOf, type InventoryMovement as Movement } from '../../domain/stock/stock.ts'
import { builder } from '../builder.ts'
import type { GraphQLContext } from '../create-context.ts'
import { Node } from '../node.ts'
import { pageCost, readPage } from '../page.ts'
import { findLocationOf, Location } from './location-node.ts'

const MovementType = builder.enumType('MovementType', {
  description: 'Why stock changed.',
  values: {
    ADJUSTMENT: { description: 'An operator added or took some.' },
    COUNT: { description: 'A count found more or less than the books had.' },
    RECEIPT: { description: 'Goods came in.' },
    RELEASE: {
      description:
        'An order gave it back: it was cancelled, expired or failed, or its promise was taken back.',
    },
    RESERVATION: { description: 'An order got it.' },
    RETURN: { description: 'It came back after it was shipped.' },
    SHIPMENT: { description: 'It left.' },
    SHIPMENT_UNDONE: { description: 'Its shipment was undone.' },
    SUPPLIER_RECEIPT: { description: 'A supplier delivered it for an order.' },
    TRANSFER_IN: { description: 'It came from another location.' },
    TRANSFER_OUT: { description: 'It went to another location.' },
  } as const satisfies Record<Movement['type'], object>,
})

export const InventoryMovement = builder.prismaObject('InventoryMovement', {
  description: 'One change of the stock of a SKU at one location, as the ledger keeps it.',
  interfaces: [Node],
  fields: (t) => ({
    id: t.exposeID('id', {
      description: 'A whole number. For one SKU and location, ids run in the order of the changes.',
    }),
    sku: t.exposeString('sku', { description: 'Of which SKU.' }),
    type: t.expose('type', { type: MovementType, description: 'Why.' }),
    location: t.field({
      type: Location,
      description: 'Where.',
      // A change of the stream comes with it. No `select` here or in Location: a row that no query of Prisma's has loaded would be
      // read anew for it, and while the database is away the change would be told as an error, which the stream goes on behind.
      resolve: (movement: { locationCode: string; location?: LocationOf }, _args, context, info) =>
        movement.location ?? findLocationOf(movement.locationCode, context, info),
    }),
    delta: t.exposeInt('delta', { description: 'What was added to what is available.' }),
    reservedDelta: t.exposeInt('reservedDelta', {
      description: 'What was added to what is reserved. On hand changes by both together.',
    }),
    availableAfter: t.expose('availableAfter', {
      type: 'Quantity',
      description: 'What was available at the location right after it.',
    }),
    reservedAfter: t.expose('reservedAfter', {
      type: 'Quantity',
      description: 'What was reserved there right after it. For operators and services.',
      authScopes: { may: 'readLevels' },
    }),
    onHandAfter: t.field({
      type: 'Quantity',
      description: 'What was on hand there right after it. For operators and services.',
      authScopes: { may: 'readLevels' },
      resolve: ({ availableAfter, reservedAfter }) => availableAfter + reservedAfter,
    }),
    order: t.field({
      type: 'Order',
      nullable: true,
      description: 'The order that caused it; else null.',
      resolve: ({ orderId }, _args, { app }) =>
        orderId === null ? null : app.groups.findOrder.submit(orderId),
    }),
    orderVersion: t.exposeInt('orderVersion', {
      nullable: true,
      description: 'The version of the order that it belongs to; null where it made none.',
    }),
    reason: t.exposeString('reason', {
      nullable: true,
      description: 'What the operator wrote who made it; else null.',
    }),
    reference: t.exposeString('reference', {
      nullable: true,
      description: "The caller's own number of a document; else null.",
    }),
    shipment: t.relation('shipment', {
      nullable: true,
      description: 'The shipment that it belongs to; else null.',
    }),
    actor: t.exposeString('actor', {
      nullable: true,
      description: 'Who made the change, where it was a caller.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When.' }),
  }),
})

export const MovementConnection = builder.connectionObject(
  {
    type: InventoryMovement,
    name: 'InventoryMovementConnection',
    description: 'A page of a ledger.',
  },
  { name: 'InventoryMovementEdge', description: 'A movement of a page.' },
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
        location: t.arg.string({ description: 'Only what happened at the location with this code.' }),
      },
      resolve: (_root, { sku, location, ...args }, context) =>
        listMovements({ sku, location }, args, context),
    },
    MovementConnection,
  ),
)

/** A movement as the table has it. */
export function movementRowOf({ location: locationCode, ...movement }: Movement) {
  return { ...movement, locationCode }
}

/**
 * The page of a SKU's ledger that a connection's arguments ask for, at one location or at all; of an unknown SKU or location an
 * empty one.
 */
export function listMovements(
  { sku, location = null }: { sku: string; location?: string | null | undefined },
  args: PothosSchemaTypes.DefaultConnectionArguments,
  { reads: { movementPages } }: GraphQLContext,
) {
  const ledger = { name: ledgerOf(sku), keyOf: ({ id }: { id: bigint }) => String(id), isKey: isMovementId }
  return readPage(ledger, args, async ({ key, isBackwards, sizeMax }) => {
    const page = await movementPages.submit({
      sku,
      location,
      cursor: key === undefined ? null : BigInt(key),
      direction: isBackwards ? 'newer' : 'older',
      sizeMax,
    })
    return page.map(movementRowOf)
  })
}
