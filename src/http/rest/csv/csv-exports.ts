import { Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { QueueFullError } from '../../../database/unavailable.ts'
import { type InventoryMovement, isLastKnownMovement } from '../../../domain/stock/stock.ts'
import { EXPORTS_MAX } from '../../../limits.ts'
import type { WriteContext } from '../../../use-cases/context.ts'
import {
  type CountSheetRow,
  exportCountSheet,
  exportLedger,
} from '../../../use-cases/stock/sheets/export-stock.ts'
import { problemResponses } from '../problem.ts'
import { type Cell, CSV_TYPE, writeRows } from './csv-text.ts'

/** The columns of a file: what each has of a row. */
type Columns<Row> = Readonly<Record<string, (row: Row) => Cell>>

const SHEET_COLUMNS: Columns<CountSheetRow> = {
  sku: ({ sku }) => sku,
  location: ({ location }) => location,
  name: ({ name }) => name,
  on_hand: ({ available, reserved }) => available + reserved,
  reserved: ({ reserved }) => reserved,
  as_of: ({ asOf }) => asOf,
  counted: () => null,
}

/** As the movements of `GET /inventory/:sku/movements` name them. */
const LEDGER_COLUMNS: Columns<InventoryMovement> = {
  id: ({ id }) => id,
  sku: ({ sku }) => sku,
  location: ({ location }) => location,
  type: ({ type }) => type,
  delta: ({ delta }) => delta,
  reserved_delta: ({ reservedDelta }) => reservedDelta,
  available_after: ({ availableAfter }) => availableAfter,
  reserved_after: ({ reservedAfter }) => reservedAfter,
  order_id: ({ orderId }) => orderId,
  order_version: ({ orderVersion }) => orderVersion,
  shipment_id: ({ shipmentId }) => shipmentId,
  reason: ({ reason }) => reason,
  reference: ({ reference }) => reference,
  actor: ({ actor }) => actor,
  created_at: ({ createdAt }) => createdAt.toISOString(),
}

const AFTER_EXPECTED = 'after must be the id of a movement, or 0'

/** A file that is sent as it is read. */
function csvAnswer(description: string, example: string) {
  return { description, content: { [CSV_TYPE]: { schema: z.string().meta({ examples: [example] }) } } }
}

/** `GET /inventory/export` and `GET /movements/export`: the count sheet and the ledger as CSV. */
export function csvExports(context: WriteContext): FastifyPluginAsyncZod {
  return async (fastify) => {
    let underWay = 0

    /** Sends pages as they are read. What they are refused for comes before the first byte. */
    async function send<Row>(
      reply: FastifyReply,
      { name, columns, pages }: { name: string; columns: Columns<Row>; pages: AsyncGenerator<Row[]> },
    ) {
      if (underWay >= EXPORTS_MAX) throw new QueueFullError('Other files are being exported')
      underWay++
      const first = await pages.next().catch((error) => {
        underWay--
        throw error
      })
      const body = Readable.from(textOf(columns, first.value ?? [], pages))
      body.once('close', () => underWay--)
      reply.type(`${CSV_TYPE}; charset=utf-8`)
      reply.header('content-disposition', `attachment; filename="${name}"`)
      return reply.send(body)
    }

    fastify.get(
      '/inventory/export',
      {
        // it would read all of it
        exposeHeadRoute: false,
        schema: {
          operationId: 'exportInventory',
          tags: ['Inventory'],
          summary: 'Read the count sheet',
          description:
            'What there is of each SKU at each location, as CSV, with an empty column `counted`. Filled in, as far as it is, `POST /api/inventory/import` takes it back: `as_of` says what was known when the row was read, so what moves while people count is neither lost nor counted twice. A text that a spreadsheet would run as a formula begins with an apostrophe. For operators and services.',
          querystring: z.strictObject({}),
          response: {
            200: csvAnswer(
              'The count sheet, by SKU and location',
              `${Object.keys(SHEET_COLUMNS).join(',')}\r\nWIDGET,MAIN,Widget,1000,2,4711,\r\n`,
            ),
            ...problemResponses(),
          },
        },
      },
      async ({ caller }, reply) => {
        const pages = exportCountSheet(context, caller)
        return send(reply, { name: 'count-sheet.csv', columns: SHEET_COLUMNS, pages })
      },
    )

    fastify.get(
      '/movements/export',
      {
        exposeHeadRoute: false,
        schema: {
          operationId: 'exportMovements',
          tags: ['Inventory'],
          summary: 'Read the ledger',
          description:
            'Every change of stock up to now, the oldest first, as CSV. `after` the last `id` of an earlier export goes on behind it, and misses nothing. A text that a spreadsheet would run as a formula begins with an apostrophe. For operators and services.',
          querystring: z.strictObject({
            after: z
              .string()
              .refine(isLastKnownMovement, AFTER_EXPECTED)
              .optional()
              .meta({
                description: 'Only movements with a larger id; 0 for all',
                examples: ['4711'],
              }),
          }),
          response: {
            200: csvAnswer(
              'The ledger, by id',
              `${Object.keys(LEDGER_COLUMNS).join(',')}\r\n4711,WIDGET,MAIN,ADJUSTMENT,-3,0,997,2,,,,broken,,olga,2026-01-05T09:30:00.000Z\r\n`,
            ),
            ...problemResponses('INVALID_CURSOR'),
          },
        },
      },
      async ({ caller, query: { after } }, reply) => {
        const pages = exportLedger(context, caller, after === undefined ? null : BigInt(after))
        return send(reply, { name: 'movements.csv', columns: LEDGER_COLUMNS, pages })
      },
    )
  }
}

async function* textOf<Row>(
  columns: Columns<Row>,
  first: readonly Row[],
  others: AsyncIterable<readonly Row[]>,
): AsyncGenerator<string> {
  const toCells = (row: Row) => Object.values(columns).map((cellOf) => cellOf(row))
  yield writeRows([Object.keys(columns), ...first.map(toCells)])
  for await (const page of others) yield writeRows(page.map(toCells))
}
