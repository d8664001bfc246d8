import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { DELTA_MAX, promisableAt, REASON_LENGTH_MAX, type StockLevel } from '../../domain/stock/stock.ts'
import { movementSchema, shapeMovement } from '../../shapes/movement-shape.ts'
import type { ReadContext, WriteContext } from '../../use-cases/context.ts'
import { findInventoryItem, type StockOfItem } from '../../use-cases/stock/find-inventory-item.ts'
import { receiveInventory } from '../../use-cases/stock/verbs/receive-inventory.ts'
import { REFERENCE_LENGTH_MAX } from '../../use-cases/user-errors.ts'
import {
  KEYED_CALL_PROBLEMS,
  type KeyedCallContext,
  keyHeadersSchema,
  refuseOtherMedia,
  runKeyed,
  textSchema,
  wholeNumberSchema,
} from './keyed-call.ts'
import { ProblemError, problemResponses, refusal } from './problem.ts'

const quantitySchema = z.int().min(0)

const levelSchema = z
  .object({
    location: z.string().describe("The location's code"),
    available: quantitySchema,
    reserved: quantitySchema,
    on_hand: quantitySchema,
    safety_stock: quantitySchema.describe('Part of `available` that is never promised'),
    available_to_promise: quantitySchema.describe('`available` less `safety_stock`, never below 0'),
  })
  .meta({ id: 'InventoryLevel', description: 'What there is of a SKU at one location' })

const itemSchema = z
  .object({
    sku: z.string(),
    name: z.string(),
    available: quantitySchema.describe('Not promised to orders'),
    reserved: quantitySchema.describe('Promised to orders'),
    on_hand: quantitySchema.describe('`available` and `reserved` together'),
    available_to_promise: quantitySchema.describe('What a new order can get, at all active locations'),
    levels: z
      .array(levelSchema)
      .optional()
      .describe('What there is at each location. For operators and services'),
  })
  .meta({
    id: 'InventoryItem',
    description: 'What there is of one SKU, over all locations',
    examples: [
      {
        sku: 'WIDGET',
        name: 'Widget',
        available: 998,
        reserved: 2,
        on_hand: 1_000,
        available_to_promise: 998,
        levels: [
          {
            location: 'MAIN',
            available: 998,
            reserved: 2,
            on_hand: 1_000,
            safety_stock: 0,
            available_to_promise: 998,
          },
        ],
      },
    ],
  })

const receiptSchema = z
  .strictObject({
    qty: wholeNumberSchema(1, DELTA_MAX, 'How many came in'),
    location: z.string().nullish().meta({ description: "The location's code; `MAIN` if it is left out" }),
    reason: textSchema(REASON_LENGTH_MAX, 'For the ledger').nullish(),
    reference: textSchema(REFERENCE_LENGTH_MAX, "The caller's own number of a document").nullish(),
  })
  .meta({
    id: 'ReceiveInventory',
    description: 'Goods that came in',
    examples: [{ qty: 24 }, { qty: 24, location: 'MAIN', reference: 'DELIVERY-17' }],
  })

const receivedSchema = z
  .object({
    level: levelSchema.describe('What there is at the location now'),
    movement: movementSchema.describe('The receipt, as the ledger keeps it'),
  })
  .meta({ id: 'ReceivedInventory', description: 'What came of a receipt' })

export type InventoryContext = ReadContext & WriteContext & KeyedCallContext

/** `GET /inventory/:sku`: what there is of a SKU. `POST /inventory/:sku/receive`: more of it. */
export function inventoryItems(context: InventoryContext): FastifyPluginAsyncZod {
  return async (fastify) => {
    fastify.get(
      '/inventory/:sku',
      {
        schema: {
          operationId: 'getInventoryItem',
          tags: ['Inventory'],
          summary: 'Read what there is of a SKU',
          description: 'Over all locations; operators and services also read what there is at each.',
          params: z.object({ sku: z.string().meta({ examples: ['WIDGET'] }) }),
          querystring: z.strictObject({}),
          response: {
            200: {
              description: 'The item',
              content: { 'application/json': { schema: itemSchema } },
            },
            ...problemResponses('NOT_FOUND'),
          },
        },
      },
      async (request) => {
        const item = await findInventoryItem(context, request.caller, request.params.sku)
        if (!item) throw new ProblemError('NOT_FOUND', 'There is no such item')
        return itemBody(item)
      },
    )
    fastify.post(
      '/inventory/:sku/receive',
      {
        onRequest: refuseOtherMedia,
        schema: {
          operationId: 'receiveInventory',
          tags: ['Inventory'],
          summary: 'Receive goods of a SKU',
          description:
            'They are on hand at a location, and serve who waits for them. For operators and services.',
          headers: keyHeadersSchema,
          params: z.object({ sku: z.string().meta({ examples: ['WIDGET'] }) }),
          querystring: z.strictObject({}),
          body: receiptSchema,
          response: {
            200: {
              description: 'What there is at the location now, and the movement',
              content: { 'application/json': { schema: receivedSchema } },
            },
            ...problemResponses('NOT_FOUND', 'INVALID_QTY', 'UNKNOWN_LOCATION', ...KEYED_CALL_PROBLEMS),
          },
        },
      },
      async (request) => {
        const { sku } = request.params
        const { level, movement, userErrors } = await runKeyed(context, request, ({ idempotencyKey }) =>
          receiveInventory(context, request.caller, { sku, idempotencyKey, ...request.body }),
        )
        if (userErrors[0]?.code === 'UNKNOWN_SKU')
          throw new ProblemError('NOT_FOUND', 'There is no such item')
        if (!level) throw refusal(userErrors)
        return { level: levelBody(level), movement: shapeMovement(movement) }
      },
    )
  }
}

// stock stays below 2^53

function itemBody({ sku, name, available, reserved, availableToPromise, levels }: StockOfItem) {
  return {
    sku,
    name,
    available: Number(available),
    reserved: Number(reserved),
    on_hand: Number(available + reserved),
    available_to_promise: Number(availableToPromise),
    ...(levels && { levels: levels.map(levelBody) }),
  }
}

function levelBody(level: StockLevel) {
  const { location, available, reserved, safetyStock } = level
  return {
    location,
    available: Number(available),
    reserved: Number(reserved),
    on_hand: Number(available + reserved),
    safety_stock: Number(safetyStock),
    available_to_promise: Number(promisableAt(level)),
  }
}
