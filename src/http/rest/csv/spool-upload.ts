import { createHash, type Hash, randomUUID } from 'node:crypto'
import { type FileHandle, open, unlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { CSV_ROWS_MAX, CSV_SIZE_MAX_BYTES } from '../../../limits.ts'
import type { ImportFile } from '../../../use-cases/stock/sheets/import-chunks.ts'
import { type ImportColumns, readColumns } from '../../../use-cases/stock/sheets/import-row.ts'
import { NOT_UTF_8 } from '../../requests/read-body.ts'
import { ProblemError } from '../problem.ts'
import { readRows } from './csv-text.ts'

/** Bytes that are parsed at a time: they block the event loop for a millisecond at most. */
const READ_SIZE_BYTES = 4_096

/** An upload that was received as a whole. */
export type SpooledUpload = ImportFile & {
  /** Rows after the first. */
  rowCount: number
  close: () => Promise<void>
}

/**
 * Receives a file of stock into a temporary file, and reads it once: its fingerprint is known only at its end, and a file that
 * is wrong as a whole is refused before any of it changes stock. The temporary file loses its name before the first byte arrives,
 * so that nothing is left of it, however the process ends.
 *
 * @throws {ProblemError} BODY_TOO_LARGE, MALFORMED_CSV, INVALID_COLUMNS
 */
export async function spoolUpload(upload: Readable): Promise<SpooledUpload> {
  const path = join(tmpdir(), `holdfast-import-${randomUUID()}`)
  const file = await open(path, 'wx+', 0o600)
  try {
    await unlink(path)
    const hash = createHash('sha256')
    const { columns, rowCount } = await survey(receive(upload, file, hash))
    return {
      fingerprint: hash.digest('hex'),
      columns,
      rowCount,
      rows: () => rowsOf(file),
      close: () => file.close(),
    }
  } catch (error) {
    await file.close()
    throw error
  }
}

async function* receive(upload: Readable, file: FileHandle, hash: Hash): AsyncGenerator<Buffer> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let size = 0
  for await (const chunk of chunksOf(upload)) {
    size += chunk.length
    assertSize(size)
    assertUtf8(() => decoder.decode(chunk, { stream: true }))
    hash.update(chunk)
    await file.appendFile(chunk)
    for (let at = 0; at < chunk.length; at += READ_SIZE_BYTES) {
      yield chunk.subarray(at, at + READ_SIZE_BYTES)
      // lets other calls of this process proceed
      await nextTurn()
    }
  }
  assertUtf8(() => decoder.decode())
}

async function* chunksOf(upload: Readable): AsyncGenerator<Buffer> {
  try {
    // not destroyed: what is refused early is answered on its connection
    yield* upload.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>
  } catch {
    // nobody is there to hear of it
    throw new ProblemError('BAD_REQUEST', 'The upload broke off')
  }
}

/** @throws {ProblemError} BODY_TOO_LARGE */
export function assertSize(bytes: number): void {
  if (bytes <= CSV_SIZE_MAX_BYTES) return
  throw new ProblemError('BODY_TOO_LARGE', `A file has ${CSV_SIZE_MAX_BYTES / 1_000_000} MB at most`)
}

function assertUtf8(decode: () => void): void {
  try {
    decode()
  } catch {
    throw new ProblemError('MALFORMED_CSV', NOT_UTF_8)
  }
}

/** Reads a file to its end, and refuses one that is wrong as a whole. */
async function survey(bytes: AsyncIterable<Buffer>): Promise<{ columns: ImportColumns; rowCount: number }> {
  let columns: ImportColumns | undefined
  let rowCount = 0
  for await (const { cells } of readRows(bytes)) {
    if (columns) rowCount++
    else {
      const read = readColumns(cells)
      if (typeof read === 'string') throw new ProblemError('INVALID_COLUMNS', read)
      columns = read
    }
    if (rowCount > CSV_ROWS_MAX) throw new ProblemError('BODY_TOO_LARGE', TOO_MANY_ROWS)
  }
  if (!columns) throw new ProblemError('INVALID_COLUMNS', 'The file is empty')
  return { columns, rowCount }
}

const TOO_MANY_ROWS = `A file has ${CSV_ROWS_MAX.toLocaleString('en')} rows at most`

async function* rowsOf(file: FileHandle) {
  const bytes = file.createReadStream({ start: 0, autoClose: false, highWaterMark: READ_SIZE_BYTES })
  let isFirst = true
  for await (const row of readRows(bytes as AsyncIterable<Buffer>)) {
    if (!isFirst) yield row
    isFirst = false
  }
}
