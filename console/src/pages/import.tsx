import { useState } from 'preact/hooks'
import { useMay } from '../api/viewer.ts'
import { Button } from '../components/button.tsx'
import { ConfirmDialog } from '../components/dialog.tsx'
import { Page } from '../components/page.tsx'
import { Num } from '../components/values.tsx'
import { Exports } from './import/exports.tsx'
import { FilePicker } from './import/file-picker.tsx'
import type { ImportProgress, ImportReport } from './import/import-file.ts'
import { Report } from './import/report.tsx'
import { type Stage, useImport } from './import/use-import.ts'

/** Changes or counts stock by a file: first it shows what would change, then it is done. */
export function ImportPage() {
  const { file, stage, choose, run } = useImport()
  const may = useMay()
  return (
    <Page title="Import">
      <section class="card form">
        <h2>Change or count stock by a file</h2>
        <p class="muted">
          CSV in UTF-8. The first row names the columns: <code>sku</code>, either <code>delta</code> or{' '}
          <code>counted</code>, and as needed <code>location</code>, <code>as_of</code>,{' '}
          <code>expected_available</code>, <code>reason</code>, <code>reference</code>.
          {!may('adjustInventories') && ' A file with delta needs the token of an operator.'}
        </p>
        <FilePicker onChoose={choose} />
        {file && stage.at === 'chosen' && (
          <div class="actions">
            <Button variant="primary" onClick={() => run(true)}>
              Try it out
            </Button>
            <span class="muted">It shows what would change, and changes nothing.</span>
          </div>
        )}
      </section>
      <div role="status">
        <Outcome stage={stage} />
      </div>
      {stage.at === 'reported' && <Report report={stage.report} isDryRun={stage.isDryRun} />}
      <Next stage={stage} run={run} />
      <section class="card form">
        <h2>Files to work with</h2>
        <Exports />
      </section>
    </Page>
  )
}

/** Where the file stands, in words. */
function Outcome({ stage }: { stage: Stage }) {
  if (stage.at === 'running') return <Running {...stage} />
  if (stage.at === 'refused')
    return (
      <p class="error-text">
        {stage.message}. {stage.isDryRun && 'Nothing was changed.'}
      </p>
    )
  if (stage.at === 'broken-off') {
    return (
      <p class="error-text">
        {stage.isDryRun
          ? 'It broke off before all of the file was looked at. Nothing was changed.'
          : `The import broke off${stage.nextLine === null ? '' : ` at line ${stage.nextLine.toLocaleString()}`}. What was done stays done: the same file goes on where it was.`}
      </p>
    )
  }
  if (stage.at !== 'reported') return null
  const { isDryRun, report } = stage
  if (report.repeated) {
    return (
      <p>This very file was imported before: it changes nothing a second time. That is what it did then:</p>
    )
  }
  return (
    <p>
      {isDryRun ? 'Nothing is changed yet. This is what would come of the file:' : 'The file is imported.'}
    </p>
  )
}

function Running({ isDryRun, progress }: { isDryRun: boolean; progress: ImportProgress | null }) {
  const text = isDryRun ? 'Trying it out' : 'Importing'
  return (
    <div class="card form">
      {/* without a value it says that something goes on */}
      <progress aria-label={text} {...(progress && { value: progress.rows, max: progress.of })} />
      <p>
        {text}
        {progress && (
          <>
            : <Num value={progress.rows} /> of <Num value={progress.of} /> rows
            {progress.refused > 0 && (
              <>
                , <Num value={progress.refused} /> refused
              </>
            )}
          </>
        )}
      </p>
    </div>
  )
}

/** What can be done from here. */
function Next({ stage, run }: { stage: Stage; run: (isDryRun: boolean) => void }) {
  if (stage.at === 'broken-off') {
    return (
      <div class="actions">
        <Button variant="primary" onClick={() => run(stage.isDryRun)}>
          {stage.isDryRun ? 'Try it out again' : 'Go on with the import'}
        </Button>
      </div>
    )
  }
  if (stage.at !== 'reported' || !stage.isDryRun || stage.report.repeated) return null
  if (stage.report.changed === 0) return <p>There is nothing to import: no row would change anything.</p>
  return <Import report={stage.report} begin={() => run(false)} />
}

function Import({ report, begin }: { report: ImportReport; begin: () => void }) {
  const [asks, setAsks] = useState(false)
  const { changed, refused } = report
  const rows = changed === 1 ? '1 row' : `${changed.toLocaleString()} rows`
  return (
    <div class="actions">
      <Button variant="primary" onClick={() => setAsks(true)}>
        Import {rows}
      </Button>
      {asks && (
        <ConfirmDialog
          title="Import the file?"
          confirm={`Import ${rows}`}
          isBusy={false}
          onConfirm={begin}
          onClose={() => setAsks(false)}
        >
          <p>
            <Num value={changed} /> {changed === 1 ? 'row changes' : 'rows change'} the stock at once, and it
            cannot be taken back but by other changes.
          </p>
          {refused > 0 && (
            <p>
              <Num value={refused} /> refused {refused === 1 ? 'row is' : 'rows are'} left out.
            </p>
          )}
          <p>Sent twice, the same file is done once.</p>
        </ConfirmDialog>
      )}
    </div>
  )
}
