import { CombinedError } from '@urql/core'
import { useEffect, useState } from 'preact/hooks'
import { explain } from '../../api/explain.ts'
import { announce } from '../../components/announcer.tsx'
import { ConfirmDialog } from '../../components/dialog.tsx'
import { Num } from '../../components/values.tsx'
import { readIds, retryAll } from './retry.ts'

/** Asks before every dead letter is retried, those of other pages too. */
export function RetryAllDialog({ onDone, onClose }: { onDone: () => void; onClose: () => void }) {
  const [ids, setIds] = useState<readonly string[]>()
  const [looked, setLooked] = useState<number>()
  const [failure, setFailure] = useState<string>()
  const fail = (error: unknown) => {
    if (!(error instanceof CombinedError)) throw error
    setFailure(explain(error))
    setLooked(undefined)
  }
  useEffect(() => void readIds().then(setIds, fail), [])

  const retry = async () => {
    setFailure(undefined)
    setLooked(0)
    try {
      const retried = await retryAll(ids!, setLooked)
      announce(`Retried ${retried.toLocaleString()}`)
      onDone()
      onClose()
    } catch (error) {
      fail(error)
      onDone()
    }
  }
  return (
    <ConfirmDialog
      title="Retry all dead letters?"
      confirm="Retry all"
      isBusy={!ids || looked !== undefined}
      onConfirm={() => void retry()}
      onClose={onClose}
    >
      {ids && (
        <p>
          <Num value={ids.length} /> {ids.length === 1 ? 'order is' : 'orders are'} pending again, and{' '}
          {ids.length === 1 ? 'is' : 'are'} reserved anew as stock allows. A hold whose time is over stays
          failed.
        </p>
      )}
      <div role="status">
        {looked !== undefined && ids && (
          <p>
            <Num value={looked} /> of <Num value={ids.length} />
          </p>
        )}
      </div>
      <div role="alert">{failure && <p class="error-text">{failure}</p>}</div>
    </ConfirmDialog>
  )
}
