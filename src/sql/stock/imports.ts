import type { ImportCounts, ImportRefusal } from '../../domain/stock/import-counts.ts'
import { plainArray, prepare, type Queryable } from '../statement.ts'

/** An import, as stored. */
export type ImportRecord = ImportCounts & {
  id: bigint
  /** SHA-256 of the file, in hex. */
  fingerprint: string
  /** The first line that was not applied. */
  nextLine: number
  /** Null while lines are left. */
  finishedAt: Date | null
}

const IMPORT_COLUMNS = `id, fingerprint, next_line as "nextLine", rows_read as "rowsRead", changed, unchanged, skipped, refused,
  finished_at as "finishedAt"`

/** Identifies an import. `caller`: empty for a file that is identified by its content, whoever sends it. */
export type ImportName = { caller: string; key: string }

/** Writes a new import, unless one with its name exists. */
export async function insertImport(
  on: Queryable,
  {
    caller,
    key,
    fingerprint,
    nextLine,
    createdAt,
  }: ImportName & { fingerprint: string; nextLine: number; createdAt: Date },
): Promise<void> {
  await insert(on, caller, key, fingerprint, nextLine, createdAt)
}

const insert = prepare<[caller: string, key: string, fingerprint: string, nextLine: number, createdAt: Date]>(
  'insert-import',
  `insert into imports (caller, key, fingerprint, next_line, created_at) values ($1, $2, $3, $4, $5)
  on conflict (caller, key) do nothing`,
)

/** Reads an import by its name. */
export async function findImport(
  on: Queryable,
  { caller, key }: ImportName,
): Promise<ImportRecord | undefined> {
  return (await find(on, caller, key))[0]
}

const find = prepare<[caller: string, key: string], ImportRecord>(
  'find-import',
  `select ${IMPORT_COLUMNS} from imports where caller = $1 and key = $2`,
)

/** Locks an import, so that no other call applies its next lines. */
export async function lockImport(on: Queryable, id: bigint): Promise<ImportRecord | undefined> {
  return (await lock(on, id))[0]
}

const lock = prepare<[id: bigint], ImportRecord>(
  'lock-import',
  `select ${IMPORT_COLUMNS} from imports where id = $1 for update`,
)

/** Adds the counts of rows to a locked import. `finishedAt`: null while lines are left. */
export async function advanceImport(
  on: Queryable,
  id: bigint,
  { nextLine, finishedAt, ...counts }: ImportCounts & { nextLine: number; finishedAt: Date | null },
): Promise<void> {
  const { rowsRead, changed, unchanged, skipped, refused } = counts
  await advance(on, id, nextLine, rowsRead, changed, unchanged, skipped, refused, finishedAt)
}

const advance = prepare<unknown[]>(
  'advance-import',
  `update imports set
    next_line = $2, rows_read = rows_read + $3, changed = changed + $4, unchanged = unchanged + $5,
    skipped = skipped + $6, refused = refused + $7, finished_at = $8
  where id = $1`,
)

/** Writes the rows that an import refused. */
export async function insertRefusals(
  on: Queryable,
  importId: bigint,
  refusals: readonly ImportRefusal[],
): Promise<void> {
  if (refusals.length === 0) return
  await insertRows(
    on,
    importId,
    plainArray(refusals.map(({ line }) => line)),
    refusals.map(({ sku }) => sku),
    refusals.map(({ code }) => code),
    refusals.map(({ message }) => message),
  )
}

const insertRows = prepare<unknown[]>(
  'insert-import-refusals',
  `insert into import_refusals (import_id, line, sku, code, message)
  select $1, line, sku, code, message
  from unnest($2::int[], $3::text[], $4::text[], $5::text[]) as refusal (line, sku, code, message)`,
)

/** Reads the rows that an import refused, in the order of their lines. */
export const findRefusals = prepare<[importId: bigint], ImportRefusal>(
  'find-import-refusals',
  `select line, sku, code, message from import_refusals where import_id = $1 order by line`,
)

/** Deletes imports older than an age with their refusals, the oldest first. @returns their ids */
export const deleteOldImports = prepare<[ageMs: number, limit: number], { id: bigint }>(
  'delete-old-imports',
  `with old as materialized (
    select id from imports
    where created_at < now() - $1::float8 * interval '1 ms' order by created_at limit $2
    for update skip locked
  ), refusals as (
    delete from import_refusals using old where import_id = old.id
  )
  delete from imports using old where imports.id = old.id returning imports.id`,
)
