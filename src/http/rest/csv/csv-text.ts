import { pipeline, Readable } from 'node:stream'
import { type CsvError, type Info, type Options, parse } from 'csv-parse'
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

/**
 * Reads the rows of a file, the first included, each with the line that it begins on. Rows without any text are left out; a row
 * may have any number of cells.
 *
 * @throws {ProblemError} MALFORMED_CSV where a quote is out of place, or a row is too long
 */
export async function* readRows(bytes: AsyncIterable<Buffer>): AsyncGenerator<FileRow> {
  // the parser's own count takes a carriage return within quotes for a line too
  let nextLine = 1
  const options: Options<FileRow, string[]> = {
    bom: true,
    record_delimiter: ['\r\n', '\n'],
    trim: true,
    relax_column_count: true,
    skip_empty_lines: true,
    max_record_size: ROW_LENGTH_MAX_CHARS,
    on_record: (cells, { empty_lines }) => {
      const line = nextLine + empty_lines
      nextLine += cells.reduce((lines, cell) => lines + cell.split('\n').length - 1, 1)
      return cells.some((cell) => cell.trim() !== '') ? { line, cells: cells.map(unescapeFormula) } : null
    },
  }
  // csv-parse's types let `on_record` return something else than an array only together with `columns`
  const parser = parse(options as unknown as Options)
  // errors reach the reader of the parser
  pipeline(Readable.from(bytes, { objectMode: false }), parser, () => {})
  try {
    yield* parser as AsyncIterable<FileRow>
  } catch (error) {
    if (!isCsvError(error)) throw error
    throw new ProblemError('MALFORMED_CSV', `Line ${nextLine + error.empty_lines}: ${sayWhy(error)}`)
  }
}

function isCsvError(error: unknown): error is CsvError & Pick<Info, 'empty_lines'> {
  return error instanceof Error && /^(CSV_|INVALID_OPENING_QUOTE)/.test((error as CsvError).code ?? '')
}

function sayWhy({ code }: CsvError): string {
  if (code === 'CSV_MAX_RECORD_SIZE') return `a row is longer than ${ROW_LENGTH_MAX_CHARS} characters`
  if (code === 'CSV_QUOTE_NOT_CLOSED') return 'a quote is opened and never closed'
  return 'a quote must enclose a whole cell, and one within it must be doubled'
}
