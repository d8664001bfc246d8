import { createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { parseArgs } from 'node:util'
import { CallFailedError, callRest, findServer } from './client/find-server.ts'
import { ProgressBar } from './client/progress-bar.ts'
import { isSystemError, runProgram } from './client/run-program.ts'

// `npm run export -- FILE`: writes the count sheet of a running server to a file; with `--movements` the ledger. Exit code 0 when
// all of it is there, 2 when it is not: then the file is as it was.

const EXPORT_USAGE = `npm run export -- FILE [--movements [--after ID]] [--url http://host:port]

Without FILE it writes to standard output: npm run -s export. The server is the one at HOST and PORT, or at --url;
HOLDFAST_TOKEN is the token of an operator or a service.`

const NEWLINE = 10

async function main(): Promise<number> {
  const { file, path, url } = parseArguments()
  const response = await callRest({ ...findServer(), ...(url !== undefined && { url }) }, path)
  const bar = new ProgressBar()
  // the first line names the columns
  let rows = -1
  const body = Readable.fromWeb(response.body as never)
  const part = `${file}.part`
  const count = async function* (chunks: AsyncIterable<Buffer>) {
    for await (const chunk of chunks) {
      for (const byte of chunk) if (byte === NEWLINE) rows++
      bar.draw(rows, null)
      yield chunk
    }
  }
  try {
    await pipeline(body, count, file === undefined ? process.stdout : createWriteStream(part), {
      end: file !== undefined,
    })
    if (file !== undefined) await rename(part, file)
  } catch (cause) {
    if (file !== undefined) await rm(part, { force: true })
    if (isSystemError(cause)) throw cause
    throw new CallFailedError('The connection broke off', { cause })
  }
  bar.clear()
  process.stderr.write(`${bar.summary(rows)}\n`)
  return 0
}

/** @throws {TypeError} as `parseArgs` does, for what it does not know */
function parseArguments(): { file: string | undefined; path: string; url: string | undefined } {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      movements: { type: 'boolean', default: false },
      after: { type: 'string' },
      url: { type: 'string' },
    },
  })
  const { movements, after, url } = values
  if (positionals.length > 1) throw new TypeError('Name one file at most')
  if (after !== undefined && !movements) throw new TypeError('--after goes with --movements')
  const search = after === undefined ? '' : `?after=${encodeURIComponent(after)}`
  return {
    file: positionals[0],
    path: movements ? `/api/movements/export${search}` : '/api/inventory/export',
    url,
  }
}

await runProgram(main, EXPORT_USAGE)
