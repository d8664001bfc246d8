import type { ImportChange, ImportCounts, ImportRefusal } from '../../../domain/stock/import-counts.ts'
import { DEFAULT_LOCATION } from '../../../domain/stock/location.ts'
import type { BulkOptions, BulkOutcome } from '../change-many.ts'
import { type ImportColumns, type ImportRow, isRefusal, type RowRefusal, readRow } from './import-row.ts'

/**
 * Rows of one transaction. It locks their levels for some milliseconds. With 500 rows an import takes half of the time, but p99 of
 * createOrder beside it is 14 ms instead of 9.
 */
const CHUNK_ROWS = 50
/** A file with so many wrong rows is a mistake. All refused rows are kept, and answered, together: some 2 MB. */
export const REFUSED_ROWS_MAX = 10_000
/** Rows that a dry run shows with what they would change: two screens, to see whether the file is the one that was meant. */
export const CHANGES_SHOWN_MAX = 100
/** Characters of a SKU that a refusal shows: the cell may hold anything. */
const SKU_SHOWN_MAX = 64

/** How rows are applied. `reason`: the ledger's, for rows that give none. */
export const FILE_OPTIONS = {
  reason: 'CSV import',
  errorPolicy: 'SKIP_FAILED',
  dryRun: false,
  onShortfall: 'REFUSE',
} as const satisfies BulkOptions

/** A file that was received as a whole. */
export type ImportFile = {
  /** SHA-256 of its bytes, in hex. */
  fingerprint: string
  columns: ImportColumns
  /** Reads the rows after the first, each with the line that it begins on. Can be called again. */
  rows: () => AsyncIterable<FileRow>
}

export type FileRow = { line: number; cells: readonly string[] }

/** Rows that one transaction applies. */
export type Chunk = {
  accepted: ImportRow[]
  /** The lines and SKUs of the accepted rows. */
  places: { line: number; sku: string }[]
  refused: ImportRefusal[]
  skipped: number
  /** The line after its last row. */
  nextLine: number
  isLast: boolean
}

/** Reads a file in chunks, beginning at a line. There is at least one chunk. */
export async function* chunksOf({ columns, rows }: ImportFile, fromLine: number): AsyncGenerator<Chunk> {
  const start = (nextLine: number): Chunk => {
    return { accepted: [], places: [], refused: [], skipped: 0, nextLine, isLast: false }
  }
  let chunk = start(fromLine)
  for await (const { line, cells } of rows()) {
    if (line < fromLine) continue
    if (chunk.accepted.length + chunk.refused.length >= CHUNK_ROWS) {
      yield chunk
      chunk = start(line)
    }
    const row = readRow(columns, cells)
    const place = { line, sku: shown(cells[columns.index.sku!] ?? '') }
    if (row === null) chunk.skipped++
    else if (isRefusal(row)) chunk.refused.push(refusalOf(place, row))
    else {
      chunk.accepted.push(row)
      chunk.places.push(place)
    }
    chunk.nextLine = line + 1
  }
  yield { ...chunk, isLast: true }
}

/** Counts the rows of a chunk by their results. @param outcomes those of the accepted rows */
export function countRows(
  { places, refused, skipped }: Chunk,
  outcomes: readonly BulkOutcome[],
): ImportCounts & { refusals: ImportRefusal[] } {
  const refusals = [
    ...refused,
    ...outcomes.flatMap(({ userErrors: [error] }, index) =>
      error ? [refusalOf(places[index]!, error)] : [],
    ),
  ].sort((one, other) => one.line - other.line)
  const accepted = outcomes.filter(({ userErrors }) => userErrors.length === 0)
  const changed = accepted.filter(({ before, after }) => after !== null && after !== before).length
  return {
    rowsRead: skipped + outcomes.length + refused.length,
    changed,
    unchanged: accepted.length - changed,
    skipped,
    refused: refusals.length,
    refusals,
  }
}

/** Returns what the rows of a chunk change. @param outcomes those of the accepted rows */
export function changesOf({ accepted, places }: Chunk, outcomes: readonly BulkOutcome[]): ImportChange[] {
  return outcomes.flatMap(({ before, after }, index) => {
    if (before === null || after === null || after === before) return []
    return [{ ...places[index]!, location: accepted[index]!.location ?? DEFAULT_LOCATION, before, after }]
  })
}

function refusalOf(place: { line: number; sku: string }, { code, message }: RowRefusal): ImportRefusal {
  return { ...place, code, message }
}

/** Returns a cell on one line, and without characters that no database stores. */
function shown(cell: string): string {
  return cell
    .slice(0, SKU_SHOWN_MAX)
    .toWellFormed()
    .replaceAll(/\p{Cc}/gu, '\ufffd')
}
