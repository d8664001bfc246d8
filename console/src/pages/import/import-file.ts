import { callRest, RestError } from '../../api/rest.ts'

/** What became of the rows of a file, as `POST /api/inventory/import` says. */
export type ImportReport = {
  repeated: boolean
  complete: boolean
  /** The first line that was not looked at; null where all were. */
  next_line: number | null
  rows: number
  changed: number
  unchanged: number
  skipped: number
  refused: number
  refused_rows: readonly RefusedRow[]
  /** Of a dry run: the first rows that would change something, at most 100. */
  changes?: readonly ChangedRow[]
}

/** `before` and `after`: available of a file with `delta`, on hand of one with `counted`. */
export type ChangedRow = { line: number; sku: string; location: string; before: number; after: number }

export type RefusedRow = { line: number; sku: string; code: string; message: string }

/** How far an import is. */
export type ImportProgress = { rows: number; refused: number; of: number }

/** The server had no time to say what became of it: the same file goes on where it was. */
export class BrokenOffError extends Error {
  override readonly name = 'BrokenOffError'
}

/** With so many the server ends an import: it is no use to go on. */
export const REFUSED_ROWS_MAX = 10_000

/** The server goes on alone after a connection is lost, and answers once it is done. */
const IN_PROGRESS_DELAY_MS = 2_000

/** With these the server may be there again in a moment, and the file is as good as it was. */
const CODES_TO_TRY_AGAIN = ['NO_ANSWER', 'UNAVAILABLE']

type Options = { isDryRun: boolean; signal: AbortSignal; onProgress: (progress: ImportProgress) => void }

/**
 * Imports a file under its own key, which is its content: sent again it goes on where it was, or says what became of it.
 *
 * @throws {RestError} where the server refuses the file as a whole
 * @throws {BrokenOffError} where the connection breaks off, or the server is away or has too much to do
 */
export async function importFile(file: File, options: Options): Promise<ImportReport> {
  await assertReadable(file)
  for (;;) {
    try {
      return await send(file, options)
    } catch (error) {
      const code = error instanceof RestError ? error.code : 'NO_ANSWER'
      if (code === 'IMPORT_IN_PROGRESS') await sleep(IN_PROGRESS_DELAY_MS)
      else if (!CODES_TO_TRY_AGAIN.includes(code) || options.signal.aborted) throw error
      else throw new BrokenOffError('The connection broke off', { cause: error })
    }
    options.signal.throwIfAborted()
  }
}

/** What changes on the disk cannot be sent any more, and that looks like a lost connection. */
async function assertReadable(file: File): Promise<void> {
  try {
    await file.slice(0, 1).arrayBuffer()
  } catch {
    throw new RestError('', 'The file has changed on the disk since you chose it. Choose it again')
  }
}

async function send(file: File, { isDryRun, signal, onProgress }: Options): Promise<ImportReport> {
  const response = await callRest(`/api/inventory/import${isDryRun ? '?dry_run=true' : ''}`, {
    method: 'POST',
    headers: { 'content-type': 'text/csv', accept: 'application/x-ndjson' },
    body: file,
    signal,
  })
  let last: ImportProgress | ImportReport | undefined
  for await (const line of linesOf(response.body!)) {
    last = JSON.parse(line) as ImportProgress | ImportReport
    if ('of' in last) onProgress(last)
  }
  if (!last || 'of' in last) throw new Error('the answer ends before the report')
  return last
}

async function* linesOf(body: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  for (;;) {
    const { value, done } = await reader.read()
    if (done) break
    const lines = (text + value).split('\n')
    text = lines.pop()!
    yield* lines.filter((line) => line !== '')
  }
  if (text !== '') yield text
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** Writes refused rows as CSV, with the columns of the server's own answer. */
export function toCsv(rows: readonly RefusedRow[]): Blob {
  const cells = rows.map(({ line, sku, code, message }) => [String(line), sku, code, message])
  const lines = [['line', 'sku', 'code', 'message'], ...cells].map((row) => row.map(toCell).join(','))
  return new Blob([`${lines.join('\r\n')}\r\n`], { type: 'text/csv' })
}

/** In quotes; what a spreadsheet would run as a formula begins with an apostrophe, as in the server's own files. */
function toCell(text: string): string {
  const safe = /^'*[=+\-@\t\r]/.test(text) ? `'${text}` : text
  return `"${safe.replaceAll('"', '""')}"`
}
