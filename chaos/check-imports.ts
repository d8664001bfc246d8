import type { Findings } from './findings.ts'
import type { FileRow, SentFile } from './stock-history.ts'

/** A movement of no order, as the ledger has it. */
export type KeptMovement = {
  id: string
  reason: string
  reference: string | null
  sku: string
  location: string
  type: string
  delta: number
  onHandAfter: number
  availableBefore: number
  /** The transaction. */
  tx: string
}

/** Each row of a file took effect once if its import did not refuse it, and never if it did, however often the file was sent. */
export function checkFile(file: SentFile, made: readonly KeptMovement[], findings: Findings): void {
  const { tag, kind, rows, report } = file
  findings.count('files imported', report ? 1 : 0)
  if (file.tries > 1) findings.count('files that were sent again')
  const refused = new Map(report?.refused_rows.map(({ line, code }) => [line, code]))
  const ofLine = Map.groupBy(made, ({ reference }) => Number(reference))
  for (const row of rows) {
    const movements = ofLine.get(row.line) ?? []
    ofLine.delete(row.line)
    const code = refused.get(row.line)
    const detail = JSON.stringify({ file: tag, row, code, movements })
    if (movements.length > 1) findings.violate('a row of a file is imported once', tag, detail)
    if (!isAsked(kind, row, movements)) findings.violate('a row of a file is imported as it is', tag, detail)
    if (!report) continue
    if (code !== undefined && movements.length > 0)
      findings.violate('a refused row leaves nothing', tag, detail)
    if (kind === 'delta' && code === undefined && movements.length === 0)
      findings.violate('a row that was acknowledged is imported', tag, detail)
    const mayBeRefused = row.isWrong || (code === 'INSUFFICIENT_STOCK' && row.cell.startsWith('-'))
    if (code === undefined ? row.isWrong : !mayBeRefused)
      findings.violate('only wrong rows are refused', tag, detail)
  }
  for (const [line, movements] of ofLine) {
    findings.violate('no row but those that were sent', tag, `${line}: ${JSON.stringify(movements)}`)
  }
  if (report) checkCounts(file, made.length, findings)
}

function isAsked(kind: SentFile['kind'], row: FileRow, movements: readonly KeptMovement[]): boolean {
  return movements.every(
    ({ sku, location, type, delta, onHandAfter }) =>
      sku === row.sku &&
      location === row.location &&
      (kind === 'delta'
        ? type === 'ADJUSTMENT' && delta === Number(row.cell)
        : type === 'COUNT' && onHandAfter === Number(row.cell)),
  )
}

/** What a report adds up to is the file, and the ledger. */
function checkCounts({ tag, kind, rows, report }: SentFile, made: number, findings: Findings): void {
  const { rows: looked, changed, unchanged, skipped, refused, refused_rows } = report!
  findings.count('rows imported', changed)
  findings.count('rows refused', refused)
  const uncounted = kind === 'counted' ? rows.filter(({ cell }) => cell === '').length : 0
  const isRight =
    looked === rows.length &&
    looked === changed + unchanged + skipped + refused &&
    changed === made &&
    skipped === uncounted &&
    refused === refused_rows.length
  if (!isRight) {
    const told = { looked, changed, unchanged, skipped, refused, named: refused_rows.length }
    const detail = JSON.stringify({ rows: rows.length, made, uncounted, told })
    findings.violate('a report adds up to its file', tag, detail)
  }
}
