import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { CallError } from '../../domain/errors.ts'
import { type InventoryChange, STOCK_THRESHOLDS } from '../../domain/stock/thresholds.ts'
import { cursorOf, placeOf } from '../../feed/stock-cursor.ts'
import { type StockFeed, WrongCursorError } from '../../feed/stock-feed.ts'
import type { StockWatcher } from '../../feed/stock-watcher.ts'
import type { DropReason } from '../../feed/watch-tally.ts'
import { movementSchema, shapeMovement } from '../../shapes/movement-shape.ts'
import { type CountByKey, connectionKeyOf } from '../overload/count-by-key.ts'
import { TOO_MANY_STREAMS } from '../overload/limit-streams.ts'
import { ProblemError, problemResponses } from '../rest/problem.ts'
import { EVENT_HEADERS, EVENT_STREAM, encodeEvent, writeEvents } from './write-events.ts'

const changeSchema = z
  .object({
    cursor: z.string().describe('The `id` of its event: `Last-Event-ID` or `after` resumes after it'),
    movement: movementSchema.describe('What changed'),
    is_repeat: z
      .boolean()
      .describe(
        'Whether the movement comes a second time, with the same `id`: what it crossed was known only once waiting orders were served. If you add up its deltas, skip it',
      ),
    available_to_promise: z
      .int()
      .min(0)
      .describe('What a new order can get of the SKU: as it is when the change is read'),
    crossed: z
      .array(z.enum(STOCK_THRESHOLDS))
      .describe('Thresholds that the SKU crossed: `LOW`, `OUT` or `BACK`; none for most changes'),
  })
  .meta({ id: 'InventoryChange', description: 'A change of stock' })

/** One value of a parameter, or several of them. */
const severalSchema = (description: string) =>
  z
    .union([z.string().transform((value) => [value]), z.array(z.string())])
    .optional()
    .meta({ type: 'array', items: { type: 'string' }, description })

const querySchema = z.strictObject({
  sku: severalSchema('Only of this SKU; may be given 1,000 times'),
  location: severalSchema('Only at the location with this code; may be given 1,000 times'),
  after: z.string().optional().meta({ description: 'The `cursor` of the last change that you have seen' }),
})

const headersSchema = z.object({
  'last-event-id': z.string().optional().meta({
    description:
      'The `id` of the last event that you have seen, as an EventSource sends it; goes before `after`',
  }),
})

export type StockStreamContext = { stockFeed: Pick<StockFeed, 'watch'> }

/** `GET /inventory/changes`: every change of stock, as server-sent events. */
export function stockStream({ stockFeed }: StockStreamContext, streams: CountByKey): FastifyPluginAsyncZod {
  return async (fastify) => {
    fastify.get(
      '/inventory/changes',
      {
        schema: {
          operationId: 'followInventory',
          tags: ['Inventory'],
          summary: 'Follow every change of stock',
          description:
            'Server-sent events, in order for each SKU and location; without `after` or `Last-Event-ID` from now on. Comments keep the connection alive. The stream never ends by itself: when the server stops, the token expires or the client is too slow, it breaks off, and an EventSource resumes after the last event that it received. For operators and services.',
          headers: headersSchema,
          querystring: querySchema,
          response: {
            200: {
              description: 'Events: `id` is the cursor, `data` a change as JSON',
              content: { [EVENT_STREAM]: { schema: changeSchema } },
            },
            ...problemResponses('NOT_FOUND', 'INVALID_CURSOR', 'TOO_MANY_STREAMS'),
          },
        },
      },
      async (request, reply) => {
        const { caller, query, headers, log } = request
        const response = reply.raw
        // a client that has already disconnected would never emit 'close'
        if (response.destroyed) return reply.hijack()
        const giveBack = streams.take(connectionKeyOf(caller))
        if (!giveBack) throw new ProblemError('TOO_MANY_STREAMS', TOO_MANY_STREAMS)
        const disconnected = new AbortController()
        response.once('close', () => {
          giveBack()
          disconnected.abort()
        })
        // Node would close the socket anyway; this also gives the view the reason
        response.once('timeout', (socket) => {
          disconnected.abort('slow-client' satisfies DropReason)
          socket.destroy()
        })
        const filter = {
          skus: query.sku ?? null,
          locations: query.location ?? null,
          // some clients say that they have seen nothing by an empty one
          after: headers['last-event-id'] || query.after || null,
        }
        const watcher = await stockFeed
          .watch(caller, filter, 'sse', disconnected.signal)
          .catch((error: unknown) => {
            throw error instanceof WrongCursorError ? invalidCursor(error) : error
          })
        reply.hijack()
        if (request.method === 'HEAD') {
          await watcher.return()
          response.writeHead(200, EVENT_HEADERS).end()
          return reply
        }
        // not awaited: everything that waits would stay in memory while the stream lasts
        writeEvents(response, untilRefused(watcher), encodeChanges).catch((error) =>
          log.error({ err: error }, 'stream failed'),
        )
        return reply
      },
    )
  }
}

function invalidCursor({ message: detail }: WrongCursorError): ProblemError {
  return new ProblemError('INVALID_CURSOR', undefined, [{ parameter: 'after', detail }])
}

/** Ends where the view is ended for a reason that its client learns when it comes back. */
async function* untilRefused(watcher: StockWatcher): AsyncGenerator<readonly InventoryChange[]> {
  try {
    yield* watcher
  } catch (error) {
    if (!(error instanceof CallError)) throw error
  }
}

function encodeChanges(changes: readonly InventoryChange[]): string {
  return changes.map(encodeChange).join('')
}

/** The events of changes: all streams have the same. */
const encoded = new WeakMap<InventoryChange, string>()

function encodeChange(change: InventoryChange): string {
  const known = encoded.get(change)
  if (known !== undefined) return known
  const cursor = cursorOf(placeOf(change))
  const body: z.infer<typeof changeSchema> = {
    cursor,
    movement: shapeMovement(change.movement),
    is_repeat: change.isRepeat,
    // stock stays below 2^53
    available_to_promise: Number(change.availableToPromise),
    crossed: [...change.crossed],
  }
  const event = encodeEvent({ id: cursor, data: JSON.stringify(body) })
  encoded.set(change, event)
  return event
}
