import { setImmediate as nextTurn } from 'node:timers/promises'
import { inTransaction } from '../../../database/transaction.ts'
import type { Caller } from '../../../domain/caller.ts'
import {
  addCounts,
  type ImportChange,
  type ImportCounts,
  type ImportRefusal,
  NO_ROWS,
} from '../../../domain/stock/import-counts.ts'
import type { LevelChange } from '../../../domain/stock/plan-changes.ts'
import type { WriteContext } from '../../context.ts'
import { previewMany } from '../change-many.ts'
import {
  CHANGES_SHOWN_MAX,
  changesOf,
  chunksOf,
  countRows,
  FILE_OPTIONS,
  type ImportFile,
  REFUSED_ROWS_MAX,
} from './import-chunks.ts'

type PreviewOptions = { signal: AbortSignal; onProgress: (counts: ImportCounts) => void }

/** What earlier calls have imported of a file: the first line that they left, and what came of those before it. */
type Done = ImportCounts & { refusals: readonly ImportRefusal[]; nextLine: number }

/** `nextLine`: the first line that was not read; null if all were. `changes`: of the first rows that would change something. */
type Preview = ImportCounts & {
  refusals: readonly ImportRefusal[]
  changes: readonly ImportChange[]
  nextLine: number | null
}

/**
 * Reports the results of a file without changing anything. Each chunk is planned on top of what those before it would have
 * changed, as the import itself would.
 *
 * @returns the results of all rows, those of earlier calls included
 */
export async function previewImport(
  context: WriteContext,
  caller: Caller,
  file: ImportFile,
  { signal, onProgress }: PreviewOptions,
  done: Done,
): Promise<Preview> {
  // by SKU
  const unwritten = new Map<string, string>()
  const refusals = [...done.refusals]
  const shown: ImportChange[] = []
  let counts = addCounts(NO_ROWS, done)
  let nextLine: number | null = done.nextLine
  for await (const chunk of chunksOf(file, done.nextLine)) {
    if (signal.aborted || counts.refused >= REFUSED_ROWS_MAX) break
    const skus = new Set(chunk.accepted.map(({ sku }) => sku))
    const earlier = [...skus].flatMap((sku) => unpack(sku, unwritten.get(sku)))
    const { outcomes, levelChanges } = await inTransaction(context, 'import-inventory', (tx) =>
      previewMany(tx, caller, chunk.accepted, FILE_OPTIONS, earlier),
    )
    for (const sku of skus) unwritten.delete(sku)
    for (const [sku, changes] of Map.groupBy(levelChanges, ({ sku }) => sku))
      unwritten.set(sku, pack(changes))
    const { refusals: more, ...added } = countRows(chunk, outcomes)
    refusals.push(...more)
    shown.push(...changesOf(chunk, outcomes).slice(0, CHANGES_SHOWN_MAX - shown.length))
    counts = addCounts(counts, added)
    nextLine = chunk.isLast ? null : chunk.nextLine
    onProgress(counts)
    // lets other calls of this process proceed
    await nextTurn()
  }
  return { ...counts, refusals, changes: shown, nextLine }
}

/**
 * Returns changes of a SKU as one short text. A file may change a million levels: they take 85 MB so, and 215 MB as objects.
 */
function pack(changes: readonly LevelChange[]): string {
  return changes.map(({ location, available, counted }) => [location, available, counted].join(' ')).join(',')
}

function unpack(sku: string, packed: string | undefined): LevelChange[] {
  if (packed === undefined) return []
  return packed.split(',').map((change) => {
    const [location, available, counted] = change.split(' ')
    return { sku, location: location!, available: BigInt(available!), counted: BigInt(counted!) }
  })
}
