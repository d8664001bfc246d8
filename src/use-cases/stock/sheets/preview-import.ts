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

/** `nextLine`: the first line that was not read; null if all were. `changes`: of the first rows that would change something. */
type Preview = ImportCounts & {
  refusals: readonly ImportRefusal[]
  changes: readonly ImportChange[]
  nextLine: number | null
}

/**
 * Reports the results of a file from a line on without changing anything. Each chunk is planned on top of what those before it
 * would have changed, as the import itself would.
 */
export async function previewImport(
  context: WriteContext,
  caller: Caller,
  file: ImportFile,
  { signal, onProgress }: PreviewOptions,
  fromLine: number,
): Promise<Preview> {
  const unwritten = new Map<string, readonly LevelChange[]>()
  const refusals: ImportRefusal[] = []
  const shown: ImportChange[] = []
  let counts = NO_ROWS
  let nextLine: number | null = fromLine
  for await (const chunk of chunksOf(file, fromLine)) {
    if (signal.aborted || counts.refused >= REFUSED_ROWS_MAX) break
    const skus = new Set(chunk.accepted.map(({ sku }) => sku))
    const earlier = [...skus].flatMap((sku) => unwritten.get(sku) ?? [])
    const { outcomes, levelChanges } = await inTransaction(context, 'import-inventory', (tx) =>
      previewMany(tx, caller, chunk.accepted, FILE_OPTIONS, earlier),
    )
    for (const sku of skus) unwritten.delete(sku)
    for (const [sku, changes] of Map.groupBy(levelChanges, ({ sku }) => sku)) unwritten.set(sku, changes)
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
