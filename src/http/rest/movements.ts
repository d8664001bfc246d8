import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { decodeCursor, encodeCursor } from '../../cursor.ts'
import { isMovementId, ledgerOf } from '../../domain/stock/stock.ts'
import { PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX } from '../../limits.ts'
import { movementSchema, shapeMovement } from '../../shapes/movement-shape.ts'
import type { ReadContext } from '../../use-cases/context.ts'
import { listMovements } from '../../use-cases/stock/list-movements.ts'
import { ProblemError, problemResponses } from './problem.ts'

const movementPageSchema = z
  .object({
    data: z.array(movementSchema),
    next_cursor: z.string().nullable().describe('The `cursor` of the next page; null on the last'),
  })
  .meta({ id: 'MovementPage', description: 'Movements, newest first' })

const CURSOR_EXPECTED = 'cursor must be the next_cursor of the page before, of the same SKU'

const querySchema = z.strictObject({
  limit: z.custom<string>(isLimit, `limit must be 1 to ${PAGE_SIZE_MAX}`).optional().meta({
    type: 'integer',
    minimum: 1,
    maximum: PAGE_SIZE_MAX,
    default: PAGE_SIZE_DEFAULT,
    description: 'Movements a page',
  }),
  cursor: z.string(CURSOR_EXPECTED).optional().meta({
    description: "The `next_cursor` of the page before; one of another SKU's ledger is refused",
  }),
  location: z.string('Name one location').optional().meta({
    description: 'Only movements at the location of this code',
  }),
})

/** `GET /inventory/:sku/movements`: a SKU's ledger, a page at a time. */
export function movements(context: ReadContext): FastifyPluginAsyncZod {
  return async (fastify) => {
    fastify.get(
      '/inventory/:sku/movements',
      {
        schema: {
          operationId: 'listMovements',
          tags: ['Inventory'],
          summary: "List what changed a SKU's stock",
          description:
            'Newest first. Pages stay as they are while new movements come in. For operators and services.',
          params: z.object({ sku: z.string().meta({ examples: ['WIDGET'] }) }),
          querystring: querySchema,
          response: {
            200: {
              description: 'A page of movements',
              content: { 'application/json': { schema: movementPageSchema } },
            },
            ...problemResponses('NOT_FOUND', 'INVALID_LIMIT', 'INVALID_CURSOR'),
          },
        },
      },
      async (request) => {
        const { sku } = request.params
        const { limit, cursor, location } = request.query
        const page = await listMovements(context, request.caller, {
          sku,
          location,
          limit: Number(limit ?? PAGE_SIZE_DEFAULT),
          ...(cursor !== undefined && { before: movementOf(cursor, sku) }),
        })
        if (!page) throw new ProblemError('NOT_FOUND', 'There is no such item')
        const last = page.movements.at(-1)
        return {
          data: page.movements.map(shapeMovement),
          next_cursor: page.hasOlder && last ? encodeCursor(ledgerOf(sku), String(last.id)) : null,
        }
      },
    )
  }
}

function isLimit(value: unknown): boolean {
  return (
    typeof value === 'string' &&
    /^\d{1,3}$/.test(value) &&
    Number(value) >= 1 &&
    Number(value) <= PAGE_SIZE_MAX
  )
}

/**
 * The movement that a cursor of the SKU's ledger names.
 *
 * @throws {ProblemError} INVALID_CURSOR for any other cursor
 */
function movementOf(cursor: string, sku: string): bigint {
  const key = decodeCursor(ledgerOf(sku), cursor)
  if (key !== undefined && isMovementId(key)) return BigInt(key)
  throw new ProblemError('INVALID_CURSOR', undefined, [{ parameter: 'cursor', detail: CURSOR_EXPECTED }])
}
