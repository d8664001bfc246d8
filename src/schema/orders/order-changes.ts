import type { Shipment as ShipmentOf } from '../../domain/orders/shipment.ts'
import type * as domain from '../../domain/orders/verbs/take-back.ts'
import type { RequestOrigin } from '../../domain/origin.ts'
import { type CreateOrderResult, createOrder } from '../../use-cases/orders/create-order.ts'
import { cancelOrder } from '../../use-cases/orders/verbs/cancel-order.ts'
import type { ChangeOrderResult } from '../../use-cases/orders/verbs/order-call.ts'
import { returnOrder } from '../../use-cases/orders/verbs/return-order.ts'
import { shipOrder } from '../../use-cases/orders/verbs/ship-order.ts'
import { undoShipment } from '../../use-cases/orders/verbs/undo-shipment.ts'
import { builder } from '../builder.ts'
import type { GraphQLContext } from '../create-context.ts'
import { USER_ERRORS } from '../user-error.ts'
import { Order } from './order.ts'
import { IfShort } from './order-states.ts'
import { Shipment } from './shipment-node.ts'

export const OrderLineInput = builder.inputType('OrderLineInput', {
  description: 'A quantity of one SKU.',
  fields: (t) => ({
    sku: t.string({ required: true, description: 'Of an item that exists.' }),
    qty: t.int({ required: true, description: '1 to 1,000,000' }),
  }),
})

const CreateOrderInput = builder.inputType('CreateOrderInput', {
  description: 'What is ordered.',
  fields: (t) => ({
    sku: t.string({ description: 'Of an item that exists: with `qty`, for an order of one line.' }),
    qty: t.int({ description: '1 to 1,000,000' }),
    lines: t.field({
      type: [OrderLineInput],
      description: 'Instead of `sku` and `qty`: 1 to 100 lines, each SKU once.',
    }),
    locations: t.stringList({
      description:
        '1 to 100 codes of the locations that alone it may take from; from any active one if left out.',
    }),
    reference: t.string({
      description: "The shop's own number of it: 1 to 200 characters on one line.",
    }),
    ifShort: t.field({
      type: IfShort,
      defaultValue: 'ASK_SUPPLIER',
      description: 'What becomes of what is short.',
    }),
    holdSeconds: t.int({
      description:
        'Makes it a hold, which expires so many seconds after its creation unless it is confirmed: 1 to 2,678,400 (31 days). A firm order if left out.',
    }),
    idempotencyKey: t.string({
      description: 'A repeat under the same key answers with the same order, and orders nothing more.',
    }),
    customerId: t.string({
      description: 'Whom a service or an operator orders for. An order of a customer is its own.',
    }),
    waitMs: t.int({
      defaultValue: 0,
      description:
        'How long the answer may wait for what becomes of the order, in milliseconds: 0 to 10,000, for all orders of a request together. It comes as soon as the order is no longer PENDING.',
    }),
  }),
})

const CreateOrderPayload = builder.objectRef<CreateOrderResult>('CreateOrderPayload').implement({
  description: 'The answer to createOrder.',
  fields: (t) => ({
    order: t.expose('order', {
      type: Order,
      nullable: true,
      description: 'Null where it was refused.',
    }),
    userErrors: t.expose('userErrors', USER_ERRORS),
  }),
})

builder.mutationField('createOrder', (t) =>
  t.field({
    type: CreateOrderPayload,
    description:
      'Takes an order at once. Stock is reserved in the background: wait for it with `waitMs`, or watch it with orderStatusChanged.',
    args: { input: t.arg({ type: CreateOrderInput, required: true, description: 'The order.' }) },
    resolve: (_root, { input }, context) =>
      createOrder(context.app, context.caller, {
        // by name: an object of graphql-js, without a prototype, is slow to spread and then to read
        sku: input.sku,
        qty: input.qty,
        lines: input.lines,
        locations: input.locations,
        reference: input.reference,
        ifShort: input.ifShort,
        holdSeconds: input.holdSeconds,
        waitMs: input.waitMs,
        idempotencyKey: input.idempotencyKey ?? null,
        customerId: input.customerId ?? null,
        waitsUntilMs: context.waitsUntilMs,
        disconnected: input.waitMs ? (context.disconnected ?? context.watchConnection?.()) : undefined,
        // with all others of its request: limit-orders.ts
        budget: null,
        ...originOf(context),
      }),
  }),
)

/** What every verb takes. */
export const EXPECTED_VERSION = {
  description: 'When the order is at another version, nothing changes.',
}
export const IDEMPOTENCY_KEY = {
  description: 'A repeat under the same key answers with what the call made, and changes nothing more.',
}
const NOTE = { description: "For the order's history: 1 to 500 characters on one line." }

export const OrderPayload = builder.objectRef<ChangeOrderResult>('OrderPayload').implement({
  description: 'The answer to a change of an order.',
  fields: (t) => ({
    order: t.expose('order', {
      type: Order,
      nullable: true,
      description: 'As it is now. Null where the change was refused.',
    }),
    userErrors: t.expose('userErrors', USER_ERRORS),
  }),
})

const CancelOrderInput = builder.inputType('CancelOrderInput', {
  description: 'What is cancelled.',
  fields: (t) => ({
    id: t.id({ required: true, description: "The order's UUID." }),
    lines: t.field({
      type: [OrderLineInput],
      description: 'What of it; all that is not shipped if left out.',
    }),
    note: t.string(NOTE),
    expectedVersion: t.int(EXPECTED_VERSION),
    idempotencyKey: t.string(IDEMPOTENCY_KEY),
  }),
})

builder.mutationField('cancelOrder', (t) =>
  t.field({
    type: OrderPayload,
    description:
      'Cancels an order, or a part of it. Of a line what waits goes first, then what is reserved, which is free again. All of an order that has ended already is cancelled by leaving it as it is.',
    args: { input: t.arg({ type: CancelOrderInput, required: true, description: 'The order.' }) },
    resolve: (_root, { input }, context) =>
      cancelOrder(context.app, context.caller, { ...input, ...originOf(context) }),
  }),
)

const ShipLineInput = builder.inputType('ShipLineInput', {
  description: 'A quantity that is shipped.',
  fields: (t) => ({
    sku: t.string({ required: true, description: 'Of a line of the order.' }),
    qty: t.int({ required: true, description: '1 to 1,000,000' }),
    location: t.string({ description: 'Where it leaves: the code of a location.' }),
  }),
})

const ShipOrderInput = builder.inputType('ShipOrderInput', {
  description: 'What is shipped.',
  fields: (t) => ({
    id: t.id({ required: true, description: "The order's UUID." }),
    lines: t.field({
      type: [ShipLineInput],
      description: 'What of it; all that is reserved if left out.',
    }),
    location: t.string({
      description:
        'Where lines that name none leave; wherever they are held if left out. It takes over what others hold for the order, if it has enough.',
    }),
    reference: t.string({
      description:
        "The shop's own number of the shipment, or the carrier's: 1 to 200 characters on one line.",
    }),
    expectedVersion: t.int(EXPECTED_VERSION),
    idempotencyKey: t.string(IDEMPOTENCY_KEY),
  }),
})

const ShipOrderPayload = builder.objectRef<ChangeOrderResult>('ShipOrderPayload').implement({
  description: 'The answer to shipOrder.',
  fields: (t) => ({
    order: t.expose('order', {
      type: Order,
      nullable: true,
      description: 'As it is now. Null where it was refused.',
    }),
    shipments: t.field({
      type: [Shipment],
      description: 'Those that the call made: one a location.',
      resolve: ({ shipments }) => shipments.map(shipmentRowOf),
    }),
    userErrors: t.expose('userErrors', USER_ERRORS),
  }),
})

builder.mutationField('shipOrder', (t) =>
  t.field({
    type: ShipOrderPayload,
    description:
      'Ships what is reserved for an order, or a part of it, once nothing of the order waits. For operators and services.',
    authScopes: { may: 'shipOrder' },
    args: { input: t.arg({ type: ShipOrderInput, required: true, description: 'The order.' }) },
    resolve: (_root, { input }, context) =>
      shipOrder(context.app, context.caller, { ...input, ...originOf(context) }),
  }),
)

const UndoShipmentInput = builder.inputType('UndoShipmentInput', {
  description: 'Which shipment is undone.',
  fields: (t) => ({
    id: t.id({ required: true, description: "The shipment's UUID." }),
    note: t.string(NOTE),
    expectedVersion: t.int(EXPECTED_VERSION),
    idempotencyKey: t.string(IDEMPOTENCY_KEY),
  }),
})

builder.mutationField('undoShipment', (t) =>
  t.field({
    type: OrderPayload,
    description:
      'Undoes a shipment: its goods are on hand again where they left, and promised to the order again. For operators and services.',
    authScopes: { may: 'undoShipment' },
    args: { input: t.arg({ type: UndoShipmentInput, required: true, description: 'The shipment.' }) },
    resolve: (_root, { input }, context) =>
      undoShipment(context.app, context.caller, { ...input, ...originOf(context) }),
  }),
)

const Disposition = builder.enumType('Disposition', {
  description: 'What becomes of goods that come back.',
  values: {
    DISCARD: { description: 'They never come into stock again.' },
    RESTOCK: { description: 'They are available again.' },
  } as const satisfies Record<domain.Disposition, object>,
})

const ReturnLineInput = builder.inputType('ReturnLineInput', {
  description: 'A quantity that comes back.',
  fields: (t) => ({
    sku: t.string({ required: true, description: 'Of a line of the order.' }),
    qty: t.int({ required: true, description: '1 to 1,000,000' }),
    disposition: t.field({
      type: Disposition,
      defaultValue: 'RESTOCK',
      description: 'What becomes of it.',
    }),
  }),
})

const ReturnOrderInput = builder.inputType('ReturnOrderInput', {
  description: 'What comes back.',
  fields: (t) => ({
    id: t.id({ required: true, description: "The order's UUID." }),
    lines: t.field({
      type: [ReturnLineInput],
      required: true,
      description: 'What of it: of each line at most what was shipped and has not come back.',
    }),
    location: t.string({
      description: 'Where it comes to: the code of a location; where it was shipped from if left out.',
    }),
    note: t.string(NOTE),
    expectedVersion: t.int(EXPECTED_VERSION),
    idempotencyKey: t.string(IDEMPOTENCY_KEY),
  }),
})

builder.mutationField('returnOrder', (t) =>
  t.field({
    type: OrderPayload,
    description: 'Takes goods of an order back that were shipped. For operators and services.',
    authScopes: { may: 'returnOrder' },
    args: { input: t.arg({ type: ReturnOrderInput, required: true, description: 'The goods.' }) },
    resolve: (_root, { input }, context) =>
      returnOrder(context.app, context.caller, { ...input, ...originOf(context) }),
  }),
)

/** The request in which a call came, and the span that is under way. */
export function originOf({ app, requestOrigin }: GraphQLContext): RequestOrigin {
  const { requestId, traceparent } = requestOrigin
  return { requestId, traceparent: app.tracing?.traceparent() ?? traceparent }
}

/** A shipment as the table has it. */
function shipmentRowOf({ location: locationCode, lines: _, ...shipment }: ShipmentOf) {
  return { ...shipment, locationCode }
}
