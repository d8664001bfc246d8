import { setImmediate as nextTurn } from 'node:timers/promises'
import { inTransaction, type Tx } from '../../../database/transaction.ts'
import { assertAllowed } from '../../../domain/authorisation.ts'
import type { Caller } from '../../../domain/caller.ts'
import {
  addCounts,
  type ImportCounts,
  type ImportRefusal,
  NO_ROWS,
} from '../../../domain/stock/import-counts.ts'
import { DEFAULT_LOCATION } from '../../../domain/stock/location.ts'
import {
  advanceImport,
  findImport,
  findRefusals,
  type ImportName,
  type ImportRecord,
  insertImport,
  insertRefusals,
  lockImport,
} from '../../../sql/stock/imports.ts'
import { assertKey } from '../../assert-key.ts'
import type { WriteContext } from '../../context.ts'
import { runOncePerKey } from '../../run-once-per-key.ts'
import { type BulkOutcome, type BulkRow, changeMany } from '../change-many.ts'
import { type ImportColumns, type ImportRow, isRefusal, type RowRefusal, readRow } from './import-row.ts'

/** Rows of one transaction, which holds the locks of their levels: some tens of milliseconds, for which orders may wait. */
const CHUNK_ROWS = 500
/** A file with so many wrong rows is not what its sender believes. What is refused is kept, and answered, as a whole: some 2 MB. */
export const REFUSED_ROWS_MAX = 10_000
/** What the ledger gives as the reason of a row that gives none. */
const IMPORT_REASON = 'CSV import'
/** Of a cell that may hold anything. */
const SKU_SHOWN_MAX = 64

/** A file that was received as a whole. */
export type ImportFile = {
  /** SHA-256 of its bytes, in hex. */
  fingerprint: string
  columns: ImportColumns
  /** Reads the rows after the first, each with the line that it begins on. Can be called again. */
  rows: () => AsyncIterable<FileRow>
}

export type FileRow = { line: number; cells: readonly string[] }

export type ImportOptions = {
  /** What the file is known by; null where its fingerprint is. */
  idempotencyKey: string | null
  /** Says what would come of it, and changes nothing. */
  dryRun: boolean
  /** Ends the import after the transaction that is under way. */
  signal: AbortSignal
  /** Hears of each transaction's rows, all so far together. */
  onProgress: (counts: ImportCounts) => void
}

export type ImportReport = ImportCounts & {
  fingerprint: string
  dryRun: boolean
  /** Whether an earlier call had imported the file already. */
  repeated: boolean
  /** The first line that was not looked at; null where all were. */
  nextLine: number | null
  refusals: readonly ImportRefusal[]
}

/** IN_PROGRESS: another call imports the rest of the file. The report says how far both have come. */
export type ImportResult =
  | { report: ImportReport; refusal: null | 'IN_PROGRESS' }
  | { report: null; refusal: 'KEY_REUSED' }

/**
 * Applies a file of changes or counts to the stock. Each transaction takes some hundred rows and notes which line is next, so
 * an import that broke off goes on where it was, and the same file changes nothing a second time. A row that is refused is
 * reported, and the rest goes on. With REFUSED_ROWS_MAX of them the import ends early.
 *
 * @param caller may do what the calls of its rows may: an operator, or for a file of counts a service. The ledger keeps its id
 * @returns what became of the rows, those of earlier calls included
 * @throws {CallError} BAD_USER_INPUT for a malformed key, FORBIDDEN for other roles
 */
export async function importInventory(
  context: WriteContext,
  caller: Caller,
  file: ImportFile,
  options: ImportOptions,
): Promise<ImportResult> {
  const { fingerprint, columns } = file
  assertAllowed(caller, columns.kind === 'counted' ? 'countInventory' : 'adjustInventories')
  assertKey(options.idempotencyKey)
  const name = nameOf(caller, file, options)
  const found = options.dryRun
    ? await findImport(context.pool, name)
    : await begin(context, name, fingerprint, options)
  if (found === null || (found && found.fingerprint !== fingerprint))
    return { report: null, refusal: 'KEY_REUSED' }
  if (found?.finishedAt) return { report: await reportOf(context, found, { repeated: true }), refusal: null }
  if (options.dryRun) {
    return {
      report: await tryOut(context, caller, file, options, found?.nextLine ?? FIRST_LINE),
      refusal: null,
    }
  }
  const isOurs = await apply(context, caller, file, options, found!)
  const done = (await findImport(context.pool, name))!
  const report = await reportOf(context, done, { repeated: false })
  return { report, refusal: isOurs || done.finishedAt ? null : 'IN_PROGRESS' }
}

/** Where a file begins. */
const FIRST_LINE = 1

/** What an import is known by: its caller's key, or what is in the file, whoever sends it. */
function nameOf(
  { id }: Caller,
  { fingerprint }: ImportFile,
  { idempotencyKey }: Pick<ImportOptions, 'idempotencyKey'>,
): ImportName {
  return idempotencyKey === null
    ? { caller: '', key: `sha256:${fingerprint}` }
    : { caller: id, key: idempotencyKey }
}

/** Writes an import where there is none of its name. @returns it; null if its caller used the key for another call */
async function begin(
  context: WriteContext,
  name: ImportName,
  fingerprint: string,
  { idempotencyKey }: Pick<ImportOptions, 'idempotencyKey'>,
): Promise<ImportRecord | null> {
  const key = idempotencyKey === null ? null : { key: idempotencyKey, fingerprint }
  const call = {
    caller: { id: name.caller },
    name: 'import-inventory',
    verb: 'importInventory',
    key,
  } as const
  const begun = await runOncePerKey(
    context,
    call,
    async (tx) => {
      await insertImport(tx, { ...name, fingerprint, nextLine: FIRST_LINE, createdAt: context.now() })
      const result = (await findImport(tx, name))!
      // an import is kept for longer than a key: one of another file takes no key
      const isSame = result.fingerprint === fingerprint
      return { result, made: isSame ? { importId: String(result.id) } : null }
    },
    async (tx) => (await findImport(tx, name))!,
  )
  return 'userErrors' in begun ? null : begun
}

async function reportOf(
  { pool }: WriteContext,
  { id, finishedAt, nextLine, ...record }: ImportRecord,
  { repeated }: { repeated: boolean },
): Promise<ImportReport> {
  const refusals = await findRefusals(pool, id)
  return { ...record, dryRun: false, repeated, nextLine: finishedAt ? null : nextLine, refusals }
}

/**
 * Does what is left of an import.
 *
 * @returns false where another call does it: whoever locks the import's row at the line that it is at does the rows from there
 */
async function apply(
  context: WriteContext,
  caller: Caller,
  file: ImportFile,
  { signal, onProgress }: ImportOptions,
  { id, nextLine, ...done }: ImportRecord,
): Promise<boolean> {
  let counts = addCounts(NO_ROWS, done)
  let line = nextLine
  for await (const chunk of chunksOf(file, nextLine)) {
    if (signal.aborted || counts.refused >= REFUSED_ROWS_MAX) break
    const added = await inTransaction(context, 'import-inventory', async (tx) => {
      const at = await lockImport(tx, id)
      if (at?.nextLine !== line || at.finishedAt) return null
      const { outcomes } = await change(context, tx, caller, chunk.accepted)
      const { refusals, ...counts } = resultOf(chunk, outcomes)
      const finishedAt = chunk.isLast ? context.now() : null
      await Promise.all([
        advanceImport(tx, id, { ...counts, nextLine: chunk.nextLine, finishedAt }),
        insertRefusals(tx, id, refusals),
      ])
      return counts
    })
    if (added === null) return false
    line = chunk.nextLine
    counts = addCounts(counts, added)
    onProgress(counts)
    // calls that came meanwhile
    await nextTurn()
  }
  return true
}

/** Says what would come of the lines of a file from one on. Each transaction sees what those before would have changed. */
async function tryOut(
  context: WriteContext,
  caller: Caller,
  file: ImportFile,
  { signal, onProgress }: ImportOptions,
  fromLine: number,
): Promise<ImportReport> {
  const carried = new Map<string, bigint>()
  const refusals: ImportRefusal[] = []
  let counts = NO_ROWS
  let nextLine: number | null = fromLine
  for await (const chunk of chunksOf(file, fromLine)) {
    if (signal.aborted || counts.refused >= REFUSED_ROWS_MAX) break
    const earlier = carriedRows(carried, chunk.accepted)
    const { outcomes } = await inTransaction(context, 'import-inventory', (tx) =>
      change(context, tx, caller, [...earlier, ...chunk.accepted], { dryRun: true }),
    )
    const own = outcomes.slice(earlier.length)
    for (const [index, { before, after }] of own.entries()) {
      if (before === null || after === null || before === after) continue
      const key = levelOf(chunk.accepted[index]!)
      carried.set(key, (carried.get(key) ?? 0n) + after - before)
    }
    const { refusals: more, ...added } = resultOf(chunk, own)
    refusals.push(...more)
    counts = addCounts(counts, added)
    nextLine = chunk.isLast ? null : chunk.nextLine
    onProgress(counts)
    await nextTurn()
  }
  return { ...counts, fingerprint: file.fingerprint, dryRun: true, repeated: false, nextLine, refusals }
}

/** What the rows before these would have changed at their levels, as rows to begin with. */
function carriedRows(carried: ReadonlyMap<string, bigint>, rows: readonly ImportRow[]): BulkRow[] {
  return [...new Set(rows.map(levelOf))].flatMap((key) => {
    const delta = carried.get(key)
    if (!delta) return []
    const [sku = '', location = DEFAULT_LOCATION] = key.split(' ')
    return [{ type: 'ADJUSTMENT', sku, location, delta: Number(delta), expectedAvailable: null }]
  })
}

/** Where a row that was not refused changes stock: neither name has a space. */
function levelOf({ sku, location }: ImportRow): string {
  return `${sku} ${location ?? DEFAULT_LOCATION}`
}

function change(
  context: WriteContext,
  tx: Tx,
  caller: Caller,
  rows: readonly BulkRow[],
  { dryRun = false } = {},
): Promise<{ outcomes: BulkOutcome[] }> {
  const how = { reason: IMPORT_REASON, errorPolicy: 'SKIP_FAILED', dryRun, onShortfall: 'REFUSE' } as const
  return changeMany(context, tx, caller, rows, how)
}

/** Rows that one transaction does. */
type Chunk = {
  accepted: ImportRow[]
  /** The lines and SKUs of the accepted rows. */
  places: { line: number; sku: string }[]
  refused: ImportRefusal[]
  skipped: number
  /** The line behind its last row's. */
  nextLine: number
  isLast: boolean
}

async function* chunksOf({ columns, rows }: ImportFile, fromLine: number): AsyncGenerator<Chunk> {
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

/** A SKU as a file has it, on one line and without what no database stores. */
function shown(cell: string): string {
  return cell
    .slice(0, SKU_SHOWN_MAX)
    .toWellFormed()
    .replaceAll(/\p{Cc}/gu, '\ufffd')
}

function refusalOf(place: { line: number; sku: string }, { code, message }: RowRefusal): ImportRefusal {
  return { ...place, code, message }
}

/** What became of a chunk's rows. */
function resultOf(
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
