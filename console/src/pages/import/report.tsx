import { saveFile } from '../../api/rest.ts'
import { Button } from '../../components/button.tsx'
import { type Column, Table } from '../../components/table.tsx'
import { Num } from '../../components/values.tsx'
import { type ImportReport, type RefusedRow, toCsv } from './import-file.ts'

/** What a page can show at once; the file has all of them. */
const ROWS_SHOWN = 50

const COLUMNS: readonly Column<RefusedRow>[] = [
  { head: 'Line', cell: ({ line }) => <Num value={line} /> },
  { head: 'SKU', cell: ({ sku }) => <code>{sku}</code> },
  { head: 'Why', cell: ({ message }) => message },
  { head: 'Code', cell: ({ code }) => <code>{code}</code> },
]

/** What became of the rows of a file, or would. */
export function Report({ report, isDryRun }: { report: ImportReport; isDryRun: boolean }) {
  const { rows, changed, unchanged, skipped, refused, refused_rows, next_line } = report
  return (
    <>
      <dl class="figures">
        <Figure name="Rows" value={rows} />
        <Figure name={isDryRun && !report.repeated ? 'Would change' : 'Changed'} value={changed} />
        <Figure name="As they are" value={unchanged} />
        <Figure name="Not counted" value={skipped} />
        <Figure name="Refused" value={refused} />
      </dl>
      {next_line !== null && (
        <p>
          Too many rows are refused. Line <Num value={next_line} /> and those after it were not looked at:
          correct them, and send them as a file of their own.
        </p>
      )}
      {refused_rows.length > 0 && <RefusedRows rows={refused_rows} />}
    </>
  )
}

function Figure({ name, value }: { name: string; value: number }) {
  return (
    <div class="card">
      <dt>{name}</dt>
      <dd>
        <Num value={value} />
      </dd>
    </div>
  )
}

function RefusedRows({ rows }: { rows: readonly RefusedRow[] }) {
  return (
    <>
      <div class="page-head">
        <h2>Refused rows</h2>
        <Button onClick={() => saveFile(toCsv(rows), 'refused-rows.csv')}>Download refused rows</Button>
      </div>
      <Table
        caption="Refused rows"
        columns={COLUMNS}
        rows={rows.slice(0, ROWS_SHOWN)}
        keyOf={({ line }) => String(line)}
      />
      {rows.length > ROWS_SHOWN && (
        <p class="muted">
          The first {ROWS_SHOWN} of <Num value={rows.length} />; the download has all.
        </p>
      )}
    </>
  )
}
