import { Readable } from 'node:stream'
import type { FastifyRequest } from 'fastify'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { QueueFullError } from '../../../database/unavailable.ts'
import { assertAllowed } from '../../../domain/authorisation.ts'
import { NO_ROWS } from '../../../domain/stock/import-counts.ts'
import { CSV_ROWS_MAX, CSV_SIZE_MAX_BYTES, CSV_TIMEOUT_MS, IMPORTS_MAX } from '../../../limits.ts'
import type { WriteContext } from '../../../use-cases/context.ts'
import { REFUSED_ROWS_MAX } from '../../../use-cases/stock/sheets/import-chunks.ts'
import {
  type ImportReport,
  type ImportResult,
  importInventory,
} from '../../../use-cases/stock/sheets/import-inventory.ts'
import { allowSlowBody } from '../../requests/refuse-broken-request.ts'
import { type KeyedCallContext, keyHeadersSchema, runKeyed, takeOnly } from '../keyed-call.ts'
import { ProblemError, problemResponses } from '../problem.ts'
import { CSV_TYPE } from './csv-text.ts'
import { answerFormFor, answerImport, importReportSchema, orNothing } from './import-answer.ts'
import { assertSize, type SpooledUpload, spoolUpload } from './spool-upload.ts'

const DESCRIPTION = `Changes the stock by the rows of a CSV file in UTF-8, of ${CSV_SIZE_MAX_BYTES / 1_000_000} MB and ${CSV_ROWS_MAX.toLocaleString('en')} rows at most. The first row names the columns: \`sku\`; either \`delta\` (what to add; below zero to take) or \`counted\` (on hand, as counted); and as needed \`location\`, \`as_of\` (with \`counted\`), \`expected_available\` (with \`delta\`), \`reason\` and \`reference\`. The count sheet of \`GET /api/inventory/export\` comes back as it is: rows whose \`counted\` is empty are skipped.

A row that is refused is reported, and the rest goes on; with ${REFUSED_ROWS_MAX.toLocaleString('en')} of them the import ends early. The same file, or the same \`Idempotency-Key\`, changes nothing a second time, and goes on where an import broke off. For operators; a file with \`counted\` also for services.`

/** Returns the schema of a streamed body. */
function streamedSchema(description: string, ...examples: string[]) {
  return z.custom<Readable>().meta({ type: 'string', description, ...(examples.length > 0 && { examples }) })
}

const fileSchema = streamedSchema(
  'Rows of CSV (RFC 4180). The first names the columns',
  'sku,location,delta,reason\r\nWIDGET,MAIN,-3,broken\r\nGADGET,,12,found\r\n',
)

const refusedSchema = streamedSchema(
  'The refused rows',
  'line,sku,code,message\r\n4,GIZMO,UNKNOWN_SKU,"There is no item with the SKU ""GIZMO"""\r\n',
)

const querySchema = z.strictObject({
  dry_run: z
    .custom<string>((value) => value === 'true' || value === 'false', 'dry_run must be true or false')
    .optional()
    .meta({ type: 'boolean', default: false, description: 'Report the result without changing anything' }),
})

export type ImportContext = WriteContext & KeyedCallContext

/** `POST /inventory/import`: a file of changes or counts. */
export function inventoryImport(context: ImportContext): FastifyPluginAsyncZod {
  return async (fastify) => {
    const underWay = new Set<Promise<unknown>>()
    const stopping = new AbortController()
    fastify.addHook('preClose', async () => stopping.abort())
    fastify.addHook('onClose', async () => void (await Promise.allSettled(underWay)))
    // as it comes: it is never in memory as a whole
    fastify.addContentTypeParser(CSV_TYPE, (_request, payload, done) => done(null, payload))

    fastify.post(
      '/inventory/import',
      {
        schema: {
          operationId: 'importInventory',
          tags: ['Inventory'],
          summary: 'Change or count stock by a CSV file',
          description: DESCRIPTION,
          headers: keyHeadersSchema,
          querystring: querySchema,
          consumes: [CSV_TYPE],
          body: fileSchema,
          response: {
            200: {
              description:
                'The result of the rows. While a long import goes on, white space is sent. As `text/csv`: the refused rows. As `application/x-ndjson`: a line a second with `rows`, `refused` and `of`, and last the report',
              content: {
                'application/json': { schema: importReportSchema },
                [CSV_TYPE]: { schema: refusedSchema },
                'application/x-ndjson': { schema: streamedSchema('Lines of JSON') },
              },
            },
            ...problemResponses(
              'MALFORMED_CSV',
              'IMPORT_IN_PROGRESS',
              'BODY_TOO_LARGE',
              'UNSUPPORTED_MEDIA_TYPE',
              'INVALID_COLUMNS',
              'INVALID_IDEMPOTENCY_KEY',
              'IDEMPOTENCY_KEY_REUSED',
            ),
          },
        },
        onRequest: [
          // may import some file: what this one holds is known only after the upload
          async ({ caller }) => assertAllowed(caller, 'countInventory'),
          takeOnly(CSV_TYPE),
          // Fastify leaves a body that is a stream to its handler
          async ({ headers }) => assertSize(Number(headers['content-length'] ?? 0)),
        ],
      },
      async (request, reply) => {
        if (underWay.size >= IMPORTS_MAX) throw new QueueFullError('Other files are being imported')
        const form = answerFormFor(request.headers.accept)
        let progress = NO_ROWS
        const receiving = receive(request)
        const importing = receiving.then((upload) =>
          runKeyed(context, request, ({ idempotencyKey }) =>
            importInventory(context, request.caller, upload, {
              idempotencyKey,
              dryRun: request.query.dry_run === 'true',
              signal: stopping.signal,
              onProgress: (counts) => {
                progress = counts
              },
            }),
          )
            .then(refuseReusedKey)
            .finally(upload.close),
        )
        underWay.add(importing)
        // the import goes on after its caller has gone: then a failure is only logged
        importing
          .catch((error) => {
            if (reply.raw.destroyed) request.log.error({ err: error }, 'import failed, its caller has gone')
          })
          .finally(() => underWay.delete(importing))
        const { rowCount } = await receiving
        // most are done or refused by then, which can still set the status
        const done = await orNothing(importing, form.intervalMs)
        if (done?.refusal === 'IN_PROGRESS') throw new ProblemError('IMPORT_IN_PROGRESS')
        // the connection would outlive the server otherwise
        if (stopping.signal.aborted) reply.header('connection', 'close')
        reply.type(`${form.type}; charset=utf-8`)
        const reporting = importing.then(({ report }) => report)
        return reply.send(Readable.from(answerImport(form, reporting, () => progress, rowCount)))
      },
    )
  }
}

async function receive({ body, raw }: FastifyRequest): Promise<SpooledUpload> {
  const isThere = allowSlowBody(raw.socket, CSV_TIMEOUT_MS)
  try {
    return await spoolUpload(body as Readable)
  } finally {
    isThere()
  }
}

/** @throws {ProblemError} IDEMPOTENCY_KEY_REUSED */
function refuseReusedKey(result: ImportResult): Extract<ImportResult, { report: ImportReport }> {
  if (result.report) return result
  throw new ProblemError('IDEMPOTENCY_KEY_REUSED')
}
