import { setTimeout as sleep } from 'node:timers/promises'
import type { Findings } from './findings.ts'
import type { History } from './history.ts'
import { createRandom, type Random } from './random.ts'
import type { FileReport, FileRow, SentFile } from './stock-history.ts'

/** Three transactions, the last one with less than the others. */
const ROWS_MIN = 1_050
const ROWS_MAX = 1_400
const COUNTED_ROWS_MAX = 520
const PAUSE_MAX_MS = 8_000
const SEND_AGAIN_DELAY_MS = 300
/** A share of the calls is broken off by the client itself, after this long at most. */
const BREAK_SHARE = 0.35
const BREAK_AFTER_MS = 500
/** A share of the uploads comes in pieces, with pauses between. */
const SLOW_SHARE = 0.3
const PIECE_BYTES = 8_192
const PIECE_PAUSE_MS = 20
/** A frozen process answers nobody: a client gives up and asks the other. */
const CALL_LIMIT_MS = 15_000

export type ImporterOptions = {
  urls: readonly string[]
  findings: Findings
  history: History
  seed: number
  authorization: string
  /** Of which its files of deltas are. */
  skus: readonly string[]
  /** Of which its files of counts are: nobody else moves it, and none of it is promised. */
  counted: string
  locations: readonly string[]
}

/** A client that imports one file after the other, breaks off some of its calls, and sends each file until it is complete. */
export function startImporter(options: ImporterOptions) {
  const { urls, findings, history, seed, authorization, skus, counted, locations } = options
  const random = createRandom(seed, 'importer')
  const stopping = new AbortController()
  let open: SentFile | undefined

  function nextFile(): SentFile {
    const tag = `file-${history.files.length + 1}`
    const kind = random.chance(0.25) ? 'counted' : 'delta'
    const rowCount = kind === 'delta' ? random.whole(ROWS_MIN, ROWS_MAX) : random.whole(1, COUNTED_ROWS_MAX)
    const rows = Array.from({ length: rowCount }, (_, index): FileRow => {
      const row = kind === 'delta' ? deltaRow(random) : countedRow(random)
      return { line: index + 2, ...row }
    })
    return { tag, key: random.chance(0.5) ? tag : null, kind, rows, report: undefined, tries: 0 }
  }

  /** Some take what is not there, which depends; some cannot be right. */
  function deltaRow(random: Random): Omit<FileRow, 'line'> {
    const [sku, location] = [random.pick(skus), random.pick(locations)]
    const kind = random.next()
    if (kind < 0.01) return { sku: 'NOWHERE', location, cell: '1', isWrong: true }
    if (kind < 0.02) return { sku, location, cell: random.pick(['1.5', 'some', '']), isWrong: true }
    const qty = random.chance(0.5) ? random.whole(1, 3) : -random.whole(1, 3)
    return { sku, location, cell: String(qty), isWrong: false }
  }

  function countedRow(random: Random): Omit<FileRow, 'line'> {
    const location = random.pick(locations)
    if (random.chance(0.02)) return { sku: counted, location, cell: '-1', isWrong: true }
    // now and then what was not counted
    const cell = random.chance(0.1) ? '' : String(random.whole(0, 50))
    return { sku: counted, location, cell, isWrong: false }
  }

  /** @returns the report, where one came that says that all was looked at */
  async function send(file: SentFile, mayBreak: boolean): Promise<FileReport | undefined> {
    file.tries++
    const isBroken = mayBreak && random.chance(BREAK_SHARE)
    const limitMs = isBroken ? random.next() * BREAK_AFTER_MS : CALL_LIMIT_MS
    const text = textOf(file)
    try {
      const response = await fetch(`${random.pick(urls)}/api/inventory/import`, {
        method: 'POST',
        headers: {
          authorization,
          'content-type': 'text/csv',
          accept: 'application/json',
          ...(file.key && { 'idempotency-key': file.key }),
        },
        body: random.chance(SLOW_SHARE) ? slowly(text) : text,
        // of a body in pieces
        duplex: 'half',
        signal: AbortSignal.timeout(limitMs),
      } as RequestInit)
      return readReport(file, response.status, await response.text())
    } catch {
      findings.count(isBroken ? 'imports that the client broke off' : 'imports without an answer')
      return undefined
    }
  }

  function readReport(file: SentFile, status: number, text: string): FileReport | undefined {
    if (status === 200) {
      const report = JSON.parse(text) as FileReport
      if (!report.complete) findings.count('imports that stopped in the middle')
      return report.complete ? report : undefined
    }
    const isExpected =
      status === 503 || status === 408 || (status === 409 && text.includes('IMPORT_IN_PROGRESS'))
    if (!isExpected) findings.violate('an import is answered well', file.tag, `${status} ${text}`)
    findings.count(`imports answered ${status}`)
    return undefined
  }

  function note(file: SentFile, report: FileReport): void {
    const { report: first } = file
    file.report ??= report
    if (!first) return
    const isSame = JSON.stringify({ ...first, repeated: true }) === JSON.stringify(report)
    if (!isSame) {
      const detail = JSON.stringify({ first, report })
      findings.violate('a file that was imported is answered as before', file.tag, detail)
    }
  }

  async function live(): Promise<void> {
    while (!stopping.signal.aborted) {
      await sleep(random.next() * PAUSE_MAX_MS, undefined, { signal: stopping.signal }).catch(() => {})
      if (stopping.signal.aborted) return
      const file = nextFile()
      open = file
      history.files.push(file)
      while (!file.report && !stopping.signal.aborted) {
        const report = await send(file, true)
        if (report) note(file, report)
        else await sleep(random.next() * SEND_AGAIN_DELAY_MS)
      }
      // a second time changes nothing
      const again = file.report && random.chance(0.3) ? await send(file, false) : undefined
      if (again) note(file, again)
    }
  }

  const living = live()
  return {
    /** Resolves when the last call has ended. */
    stop: async () => {
      stopping.abort()
      await living
    },
    /** Sends the last file until it is complete. */
    settle: async (limitMs: number) => {
      const deadline = performance.now() + limitMs
      while (open && !open.report && performance.now() < deadline) {
        const report = await send(open, false)
        if (report) note(open, report)
        else await sleep(SEND_AGAIN_DELAY_MS)
      }
      if (open && !open.report)
        findings.violate('a file is imported in the end', open.tag, `${open.tries} calls`)
    },
  }
}

function textOf({ tag, kind, rows }: SentFile): string {
  const lines = rows.map(({ line, sku, location, cell }) => `${sku},${location},${cell},${tag},${line}`)
  return [`sku,location,${kind},reason,reference`, ...lines, ''].join('\r\n')
}

async function* slowly(text: string): AsyncGenerator<Uint8Array> {
  const bytes = new TextEncoder().encode(text)
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    yield bytes.subarray(at, at + PIECE_BYTES)
    await sleep(PIECE_PAUSE_MS)
  }
}
