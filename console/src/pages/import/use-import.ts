import { useEffect, useRef, useState } from 'preact/hooks'
import {
  BrokenOffError,
  type ImportProgress,
  type ImportReport,
  importFile,
  REFUSED_ROWS_MAX,
} from './import-file.ts'

/** How far somebody is with a file. */
export type Stage =
  | { at: 'chosen' }
  | { at: 'running'; isDryRun: boolean; progress: ImportProgress | null }
  | { at: 'reported'; isDryRun: boolean; report: ImportReport }
  /** It goes on where it was. */
  | { at: 'broken-off'; isDryRun: boolean; nextLine: number | null }
  /** The file as a whole is refused. */
  | { at: 'refused'; isDryRun: boolean; message: string }

/** Tries a file out and imports it. Both end when the page is left; what the server has begun it ends by itself. */
export function useImport(): {
  file: File | null
  stage: Stage
  choose: (file: File | null) => void
  run: (isDryRun: boolean) => void
} {
  const [file, setFile] = useState<File | null>(null)
  const [stage, setStage] = useState<Stage>({ at: 'chosen' })
  const call = useRef<AbortController>(undefined)
  useEffect(() => () => call.current?.abort(), [])

  const choose = (chosen: File | null) => {
    call.current?.abort()
    setFile(chosen)
    setStage({ at: 'chosen' })
  }
  const run = async (isDryRun: boolean) => {
    if (!file) return
    call.current?.abort()
    const controller = new AbortController()
    call.current = controller
    const { signal } = controller
    const show = (next: Stage) => {
      if (!signal.aborted) setStage(next)
    }
    show({ at: 'running', isDryRun, progress: null })
    try {
      const onProgress = (progress: ImportProgress) => show({ at: 'running', isDryRun, progress })
      const report = await importFile(file, { isDryRun, signal, onProgress })
      const isCutOff = !report.complete && report.refused < REFUSED_ROWS_MAX
      show(
        isCutOff
          ? { at: 'broken-off', isDryRun, nextLine: report.next_line }
          : { at: 'reported', isDryRun, report },
      )
    } catch (error) {
      if (error instanceof BrokenOffError) show({ at: 'broken-off', isDryRun, nextLine: null })
      else show({ at: 'refused', isDryRun, message: error instanceof Error ? error.message : String(error) })
    }
  }
  return { file, stage, choose, run: (isDryRun) => void run(isDryRun) }
}
