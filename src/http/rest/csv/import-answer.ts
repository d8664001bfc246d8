import { setTimeout as sleep } from 'node:timers/promises'
import Negotiator from 'negotiator'
import { z } from 'zod'
import type { ImportChange, ImportCounts } from '../../../domain/stock/import-counts.ts'
import { CHANGES_SHOWN_MAX } from '../../../use-cases/stock/sheets/import-chunks.ts'
import type { ImportReport } from '../../../use-cases/stock/sheets/import-inventory.ts'
import { CSV_TYPE, writeRows } from './csv-text.ts'

const countSchema = z.int().min(0)
const lineSchema = z.int().min(1).describe('Where the row begins; the first line of the file is 1')

export const importReportSchema = z
  .object({
    file: z.string().describe('SHA-256 of the file, in hex'),
    dry_run: z.boolean(),
    repeated: z
      .boolean()
      .describe(
        'Whether an earlier call had imported the file: then this one changed nothing, and this is what that one did',
      ),
    complete: z.boolean().describe('Whether every row was looked at'),
    next_line: z
      .int()
      .min(1)
      .nullable()
      .describe('The first line that was not looked at. The same file goes on there. Null if `complete`'),
    rows: countSchema.describe('Rows that were looked at: those of the four counts below'),
    changed: countSchema,
    unchanged: countSchema.describe('The count found no difference'),
    skipped: countSchema.describe('Their `counted` is empty'),
    refused: countSchema,
    refused_rows: z.array(
      z.object({
        line: lineSchema,
        sku: z.string().describe('As the row has it, 64 characters at most'),
        code: z.string().describe('As calls about one SKU have it, or `INVALID_ROW`'),
        message: z.string(),
      }),
    ),
    changes: z
      .array(
        z.object({
          line: lineSchema,
          sku: z.string(),
          location: z.string().describe('The code of the location'),
          before: countSchema.describe(
            'What is available where the file has `delta`, on hand where it has `counted`',
          ),
          after: countSchema.describe('What would be, once the rows before it are imported'),
        }),
      )
      .max(CHANGES_SHOWN_MAX)
      .optional()
      .describe(`Of a dry run: the first ${CHANGES_SHOWN_MAX} rows that would change something`),
  })
  .meta({
    id: 'ImportReport',
    description: 'The result of the rows of a file',
    examples: [
      {
        file: '9c1185a5c5e9fc54612808977ee8f548b2258d31b1e8f8a3e8a1a6f2d3f0c9ab',
        dry_run: false,
        repeated: false,
        complete: true,
        next_line: null,
        rows: 3,
        changed: 2,
        unchanged: 0,
        skipped: 0,
        refused: 1,
        refused_rows: [
          { line: 4, sku: 'GIZMO', code: 'UNKNOWN_SKU', message: 'There is no item with the SKU "GIZMO"' },
        ],
      },
    ],
  })

/** How often an answer shows that the import goes on: proxies close a connection that is silent for a minute. */
const SIGN_OF_LIFE_INTERVAL_MS = 10_000
/** A progress bar moves once a second. */
const PROGRESS_INTERVAL_MS = 1_000

/** A form of the answer to an import. */
type AnswerForm = {
  type: string
  intervalMs: number
  begin: string
  /** Sent while the import goes on. A client that waits for the end can ignore it. */
  meanwhile: (counts: ImportCounts, rowCount: number) => string
  end: (report: ImportReport) => string
}

const FORMS: Record<'json' | 'csv' | 'progress', AnswerForm> = {
  json: {
    type: 'application/json',
    intervalMs: SIGN_OF_LIFE_INTERVAL_MS,
    begin: '',
    // white space before a value
    meanwhile: () => '\n',
    end: (report) => `${JSON.stringify(reportBody(report))}\n`,
  },
  csv: {
    type: CSV_TYPE,
    intervalMs: SIGN_OF_LIFE_INTERVAL_MS,
    begin: writeRows([['line', 'sku', 'code', 'message']]),
    // readers of CSV pass over empty lines
    meanwhile: () => '\r\n',
    end: ({ refusals, nextLine }) =>
      writeRows([
        ...refusals.map(({ line, sku, code, message }) => [line, sku, code, message]),
        ...(nextLine === null ? [] : [[nextLine, '', 'NOT_IMPORTED', LEFT_OFF]]),
      ]),
  },
  progress: {
    type: 'application/x-ndjson',
    intervalMs: PROGRESS_INTERVAL_MS,
    begin: '',
    meanwhile: ({ rowsRead, refused }, rowCount) =>
      `${JSON.stringify({ rows: rowsRead, refused, of: rowCount })}\n`,
    end: (report) => `${JSON.stringify(reportBody(report))}\n`,
  },
}

const LEFT_OFF = 'This call did not import this line and those after it'

/** Returns the form that a caller prefers, by its header `Accept`: JSON if it prefers none, or none of them. */
export function answerFormFor(accept: string | undefined): AnswerForm {
  const forms = Object.values(FORMS)
  const preferred = new Negotiator({ headers: { accept } }).mediaType(forms.map(({ type }) => type))
  return forms.find(({ type }) => type === preferred) ?? FORMS.json
}

/**
 * Writes the answer to an import that is under way.
 *
 * @param importing resolves with the report; an error breaks off the answer, like a lost connection
 */
export async function* answerImport(
  { begin, meanwhile, intervalMs, end }: AnswerForm,
  importing: Promise<ImportReport>,
  progress: () => ImportCounts,
  rowCount: number,
): AsyncGenerator<string> {
  if (begin !== '') yield begin
  for (;;) {
    const report = await orNothing(importing, intervalMs)
    if (report) return yield end(report)
    yield meanwhile(progress(), rowCount)
  }
}

/** Waits for a promise. @returns undefined after the timeout */
export async function orNothing<Value>(
  promise: Promise<Value>,
  timeoutMs: number,
): Promise<Value | undefined> {
  const timer = new AbortController()
  try {
    return await Promise.race([promise, sleep(timeoutMs, undefined, { signal: timer.signal })])
  } finally {
    timer.abort()
  }
}

function reportBody(report: ImportReport): z.infer<typeof importReportSchema> {
  return {
    file: report.fingerprint,
    dry_run: report.dryRun,
    repeated: report.repeated,
    complete: report.nextLine === null,
    next_line: report.nextLine,
    rows: report.rowsRead,
    changed: report.changed,
    unchanged: report.unchanged,
    skipped: report.skipped,
    refused: report.refused,
    refused_rows: report.refusals.map(({ line, sku, code, message }) => ({ line, sku, code, message })),
    ...(report.changes && { changes: report.changes.map(toChange) }),
  }
}

function toChange({ line, sku, location, before, after }: ImportChange) {
  return { line, sku, location, before: Number(before), after: Number(after) }
}
