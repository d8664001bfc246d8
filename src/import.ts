import { openAsBlob } from 'node:fs'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { parseArgs } from 'node:util'
import { CallFailedError, callRest, findServer } from './client/find-server.ts'
import { ProgressBar } from './client/progress-bar.ts'
import { runProgram } from './client/run-program.ts'

// `npm run import -- FILE [--dry-run] [--key KEY]`: changes or counts stock by a CSV file, at a running server: so the ledger names who did
// it, by HOLDFAST_TOKEN, and it works with the database that `npm start` brings. Exit code 0 when every row was taken, 1 when
// some were refused, 2 when the file was not imported to its end.

const IMPORT_USAGE = `npm run import -- FILE [--dry-run] [--key KEY] [--url http://host:port]

The server is the one at HOST and PORT, or at --url; HOLDFAST_TOKEN is the token of an operator, or of a
service for a file of counts. docs/csv.md says what a file looks like. The same file changes nothing a second time, unless --key gives it a new name.`

/** What the server sends: how far it is, and in the end what became of the rows. */
type Line = { rows: number; refused: number } & ({ of: number } | Report)
type Report = {
  complete: boolean
  repeated: boolean
  next_line: number | null
  changed: number
  unchanged: number
  skipped: number
  refused_rows: { line: number; sku: string; code: string; message: string }[]
}

async function main(): Promise<number> {
  const { file, isDryRun, key, url } = parseArguments()
  const server = { ...findServer(), ...(url !== undefined && { url }) }
  // read as it is sent
  const body = await openAsBlob(file)
  const bar = new ProgressBar()
  const response = await callRest(server, `/api/inventory/import${isDryRun ? '?dry_run=true' : ''}`, {
    method: 'POST',
    headers: {
      'content-type': 'text/csv',
      accept: 'application/x-ndjson',
      ...(key !== undefined && { 'idempotency-key': key }),
    },
    body,
  })
  let last: Line | undefined
  try {
    for await (const text of createInterface({ input: Readable.fromWeb(response.body as never) })) {
      last = JSON.parse(text) as Line
      if ('of' in last) bar.draw(last.rows, last.of)
    }
  } catch {
    // what is missing is said below
  }
  bar.clear()
  if (!last || 'of' in last) {
    throw new CallFailedError('The connection broke off. Run this again: the file goes on where it was')
  }
  process.stdout.write(`${describe(last, isDryRun)}\n`)
  if (!last.complete) return 2
  return last.refused > 0 ? 1 : 0
}

function describe(report: Report & { rows: number; refused: number }, isDryRun: boolean): string {
  const { rows, changed, unchanged, skipped, refused } = report
  const counts = { changed, unchanged, skipped, refused }
  const parts = Object.entries(counts).map(([name, count]) => `${count.toLocaleString('en')} ${name}`)
  const lines = report.refused_rows.map(
    ({ line, sku, code, message }) => `line ${line}, ${sku}: ${code}: ${message}`,
  )
  if (isDryRun) lines.push('This was a dry run: nothing was changed.')
  if (report.repeated) lines.push('The file had been imported before: nothing was changed now.')
  if (report.next_line !== null) lines.push(`Line ${report.next_line} and those after it were not imported.`)
  return [`${rows.toLocaleString('en')} rows: ${parts.join(', ')}`, ...lines].join('\n')
}

/** @throws {TypeError} as `parseArgs` does, for what it does not know */
function parseArguments(): {
  file: string
  isDryRun: boolean
  key: string | undefined
  url: string | undefined
} {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      'dry-run': { type: 'boolean', default: false },
      key: { type: 'string' },
      url: { type: 'string' },
    },
  })
  const [file] = positionals
  if (file === undefined || positionals.length > 1) throw new TypeError('Name one file')
  return { file, isDryRun: values['dry-run'], key: values.key, url: values.url }
}

await runProgram(main, IMPORT_USAGE)
