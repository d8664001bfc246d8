import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { promisableAt, type StockLevel } from '../../domain/stock/stock.ts'
import type { ReadContext } from '../../use-cases/context.ts'
import { findInventoryItem, type StockOfItem } from '../../use-cases/stock/find-inventory-item.ts'
import { ProblemError, problemResponses } from './problem.ts'

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

/** `GET /inventory/:sku`: what there is of a SKU. */
export function inventoryItems(context: ReadContext): FastifyPluginAsyncZod {
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
