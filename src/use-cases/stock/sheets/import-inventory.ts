import { setImmediate as nextTurn } from 'node:timers/promises'
import { inTransaction } from '../../../database/transaction.ts'
import { assertAllowed } from '../../../domain/authorisation.ts'
import type { Caller } from '../../../domain/caller.ts'
import {
  addCounts,
  type ImportChange,
  type ImportCounts,
  type ImportRefusal,
  NO_ROWS,
} from '../../../domain/stock/import-counts.ts'
import { findKeys } from '../../../sql/orders/idempotency-keys.ts'
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
import { isSameCall, runOncePerKey } from '../../run-once-per-key.ts'
import { changeMany } from '../change-many.ts'
import { chunksOf, countRows, FILE_OPTIONS, type ImportFile, REFUSED_ROWS_MAX } from './import-chunks.ts'
import { previewImport } from './preview-import.ts'

export type ImportOptions = {
  /** Identifies the file; null for its fingerprint. */
  idempotencyKey: string | null
  /** Reports what the call would, without changing anything. */
  dryRun: boolean
  /** Ends the import after the transaction that is under way. */
  signal: AbortSignal
  /** Called after each transaction with the counts of all rows so far. */
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
  /** Of a dry run: the first CHANGES_SHOWN_MAX rows that would change something. */
  changes?: readonly ImportChange[]
}

/** IN_PROGRESS: another call imports the rest of the file. The report says how far both have come. */
export type ImportResult =
  | { report: ImportReport; refusal: null | 'IN_PROGRESS' }
  | { report: null; refusal: 'KEY_REUSED' }

/**
 * Applies a file of changes or counts to the stock. Each transaction applies 50 rows and notes the next line, so an
 * interrupted import resumes there, and the same file changes nothing a second time. Refused rows are reported and skipped. With
 * REFUSED_ROWS_MAX of them the import ends early.
 *
 * @param caller may do what the calls of its rows may: an operator, or for a file of counts a service. The ledger keeps its id
 * @returns the results of the rows, those of earlier calls included
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
  const { dryRun } = options
  const name = nameOf(caller, file, options)
  const found = await (dryRun ? look : begin)(context, name, fingerprint, options)
  if (found === null || (found && found.fingerprint !== fingerprint))
    return { report: null, refusal: 'KEY_REUSED' }
  if (found?.finishedAt) {
    return { report: await reportOf(context, found, { dryRun, repeated: true }), refusal: null }
  }
  if (dryRun) {
    const refusals = found ? await findRefusals(context.pool, found.id) : []
    const done = { ...(found ?? NOT_BEGUN), refusals }
    const preview = await previewImport(context, caller, file, options, done)
    return { report: { ...preview, fingerprint, dryRun, repeated: false }, refusal: null }
  }
  const isOurs = await apply(context, caller, file, options, found!)
  const done = (await findImport(context.pool, name))!
  const report = await reportOf(context, done, { dryRun, repeated: false })
  return { report, refusal: isOurs || done.finishedAt ? null : 'IN_PROGRESS' }
}

/** What keys call an import. */
const IMPORT_VERB = 'importInventory'

const FIRST_LINE = 1

/** An import of which no row was looked at. */
const NOT_BEGUN = { ...NO_ROWS, nextLine: FIRST_LINE }

/** Returns what identifies an import: its caller's key, or the content of the file, whoever sends it. */
function nameOf(
  { id }: Caller,
  { fingerprint }: ImportFile,
  { idempotencyKey }: Pick<ImportOptions, 'idempotencyKey'>,
): ImportName {
  return idempotencyKey === null
    ? { caller: '', key: `sha256:${fingerprint}` }
    : { caller: id, key: idempotencyKey }
}

/** Finds an import for a dry run. @returns undefined if there is none; null if its caller used the key for another call */
async function look(
  { pool }: WriteContext,
  name: ImportName,
  fingerprint: string,
  { idempotencyKey }: Pick<ImportOptions, 'idempotencyKey'>,
): Promise<ImportRecord | null | undefined> {
  const [earlier] = idempotencyKey === null ? [] : await findKeys(pool, [name])
  return earlier && !isSameCall(earlier, { verb: IMPORT_VERB, fingerprint }) ? null : findImport(pool, name)
}

/** Begins an import, or finds it. @returns null if its caller used the key for another call */
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
    verb: IMPORT_VERB,
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
  flags: Pick<ImportReport, 'dryRun' | 'repeated'>,
): Promise<ImportReport> {
  const refusals = await findRefusals(pool, id)
  return { ...record, ...flags, nextLine: finishedAt ? null : nextLine, refusals }
}

/**
 * Applies the rest of a file, beginning at the import's next line.
 *
 * @returns false if another call has applied a chunk of it meanwhile: that one goes on
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
      const { outcomes } = await changeMany(context, tx, caller, chunk.accepted, FILE_OPTIONS)
      const { refusals, ...counts } = countRows(chunk, outcomes)
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
    // lets other calls of this process proceed
    await nextTurn()
  }
  return true
}
