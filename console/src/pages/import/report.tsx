import { saveFile } from '../../api/rest.ts'
import { Button } from '../../components/button.tsx'
import { ItemLink } from '../../components/links.tsx'
import { type Column, Table } from '../../components/table.tsx'
import { Change, Num } from '../../components/values.tsx'
import { type ChangedRow, type ImportReport, type RefusedRow, toCsv } from './import-file.ts'

/** What a page can show at once; the file has all of them. */
const ROWS_SHOWN = 50

const CHANGED_COLUMNS: readonly Column<ChangedRow>[] = [
  { head: 'Line', cell: ({ line }) => <Num value={line} /> },
  { head: 'SKU', cell: ({ sku }) => <ItemLink sku={sku} /> },
  { head: 'Location', cell: ({ location }) => <code>{location}</code> },
  { head: 'Before', cell: ({ before }) => <Num value={before} />, isNumeric: true },
  { head: 'Change', cell: ({ before, after }) => <Change value={after - before} />, isNumeric: true },
  { head: 'After', cell: ({ after }) => <Num value={after} />, isNumeric: true },
]

const COLUMNS: readonly Column<RefusedRow>[] = [
  { head: 'Line', cell: ({ line }) => <Num value={line} /> },
  { head: 'SKU', cell: ({ sku }) => <code>{sku}</code> },
  { head: 'Why', cell: ({ message }) => message },
  { head: 'Code', cell: ({ code }) => <code>{code}</code> },
]

/** What became of the rows of a file, or would. */
export function Report({ report, isDryRun }: { report: ImportReport; isDryRun: boolean }) {
  const { rows, changed, unchanged, skipped, refused, refused_rows, next_line, changes = [] } = report
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
      {changes.length > 0 && <ChangedRows rows={changes} changed={changed} />}
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

/** What a file would change. @param changed how many rows it would change in all */
function ChangedRows({ rows, changed }: { rows: readonly ChangedRow[]; changed: number }) {
  return (
    <>
      <h2>What would change</h2>
      <p class="muted">
        What is available where the file has <code>delta</code>, on hand where it has <code>counted</code>.
        {rows.length < changed && (
          <>
            {' '}
            The first <Num value={rows.length} /> of <Num value={changed} /> rows.
          </>
        )}
      </p>
      <Table
        caption="Rows that would change something"
        columns={CHANGED_COLUMNS}
        rows={rows}
        keyOf={({ line }) => String(line)}
      />
    </>
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
