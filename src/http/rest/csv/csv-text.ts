import { pipeline, Readable } from 'node:stream'
import { type CsvError, type Info, parse } from 'csv-parse'
import { stringify } from 'csv-stringify/sync'
import type { FileRow } from '../../../use-cases/stock/sheets/import-chunks.ts'
import { ProblemError } from '../problem.ts'

export const CSV_TYPE = 'text/csv'

/** Length of all cells of a row: a reason, a reference, and room for ignored columns. */
const ROW_LENGTH_MAX_CHARS = 65_536

/** Matches a text that a spreadsheet runs as a formula, also after the apostrophes of earlier exports. */
const FORMULA = /^'*[=+\-@\t\r]/
const ESCAPED_FORMULA = /^'+[=+\-@\t\r]/

/** Writes a text so that no spreadsheet runs it as a formula: `'=1+1`. */
export function escapeFormula(text: string): string {
  return FORMULA.test(text) ? `'${text}` : text
}

/** Reads a text that `escapeFormula` wrote. */
export function unescapeFormula(text: string): string {
  return ESCAPED_FORMULA.test(text) ? text.slice(1) : text
}

/** A cell as it is written: texts by `escapeFormula`, null as nothing. */
export type Cell = string | number | bigint | null

/** Writes rows by RFC 4180. */
export function writeRows(rows: readonly (readonly Cell[])[]): string {
  const cells = rows.map((row) =>
    row.map((cell) => (typeof cell === 'string' ? escapeFormula(cell) : String(cell ?? ''))),
  )
  // a line break of another kind than the rows' is not quoted otherwise
  return stringify(cells, { record_delimiter: 'windows', quoted_match: /[\r\n]/ })
}

/** Reads what was written by `csv-parse` with `info`. */
type Parsed = { record: string[]; info: Info }

/**
 * Reads the rows of a file, the first included, each with the line that it begins on. Rows without any text are left out; a row
 * may have any number of cells.
 *
 * @throws {ProblemError} MALFORMED_CSV where a quote is out of place, or a row is too long
 */
export async function* readRows(bytes: AsyncIterable<Buffer>): AsyncGenerator<FileRow> {
  const parser = parse({
    bom: true,
    info: true,
    record_delimiter: ['\r\n', '\n'],
    trim: true,
    relax_column_count: true,
    skip_empty_lines: true,
    skip_records_with_empty_values: true,
    max_record_size: ROW_LENGTH_MAX_CHARS,
  })
  // errors reach the reader of the parser
  pipeline(Readable.from(bytes, { objectMode: false }), parser, () => {})
  // the parser counts a line for each carriage return within quotes too
  let returns = 0
  try {
    for await (const { record, info } of parser as AsyncIterable<Parsed>) {
      const breaks = record.filter((cell) => cell.includes('\n') || cell.includes('\r')).join('')
      const own = countOf('\r', breaks)
      yield { line: info.lines - returns - own - countOf('\n', breaks), cells: record.map(unescapeFormula) }
      returns += own
    }
  } catch (error) {
    throw isCsvError(error) ? new ProblemError('MALFORMED_CSV', sayWhy(error, returns)) : error
  }
}

function countOf(character: string, text: string): number {
  return text === '' ? 0 : text.split(character).length - 1
}

function isCsvError(error: unknown): error is CsvError & { lines?: number } {
  return error instanceof Error && /^(CSV_|INVALID_OPENING_QUOTE)/.test((error as CsvError).code ?? '')
}

function sayWhy(error: CsvError & { lines?: number }, returns: number): string {
  const line = `Line ${(error.lines ?? 1) - returns}`
  if (error.code === 'CSV_MAX_RECORD_SIZE')
    return `${line}: a row is longer than ${ROW_LENGTH_MAX_CHARS} characters`
  if (error.code === 'CSV_QUOTE_NOT_CLOSED') return `${line}: a quote is opened and never closed`
  return `${line}: a quote must enclose a whole cell, and one within it must be doubled`
}
