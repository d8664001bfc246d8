import type { CombinedError } from '@urql/core'
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { explain } from '../../../api/explain.ts'
import type { UserError } from '../../../api/use-write.ts'
import { Button } from '../../../components/button.tsx'
import { ConfirmDialog, Dialog } from '../../../components/dialog.tsx'
import { FormErrors } from '../../../components/field.tsx'
import type { VerbWrite } from './use-verb.ts'

/** What is asked once more, of what cannot be undone. */
type Question = { title: string; text: string; confirm: string }

type VerbFormProps = {
  title: string
  /** What comes of it, in words. */
  consequence: ComponentChildren
  /** What the button says: a verb. */
  submit: string
  isDangerous?: boolean
  question?: Question
  write: VerbWrite
  /** What is missing, in words; undefined where nothing is. */
  lack?: string | undefined
  /** The names of the input's fields that show their errors themselves. */
  shown?: readonly string[]
  onSubmit: () => void
  onClose: () => void
  children?: ComponentChildren
}

/** A dialog that changes an order. */
export function VerbForm(props: VerbFormProps) {
  const { title, consequence, submit, isDangerous, question, write, lack, shown = [] } = props
  const { onSubmit, onClose, children } = props
  const [asks, setAsks] = useState(false)
  const [isTried, setTried] = useState(false)
  const { isRunning, userErrors, error } = write
  if (userErrors.some(isStale)) return <Stale title={title} errors={userErrors} onClose={onClose} />
  const send = () => {
    setAsks(false)
    onSubmit()
  }
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault()
          setTried(true)
          if (lack !== undefined) return
          if (question) setAsks(true)
          else send()
        }}
      >
        {children}
        <div class="what-comes">{consequence}</div>
        <FormErrors
          userErrors={isTried && lack !== undefined ? [{ message: lack, field: null }] : userErrors}
          shown={shown}
          failure={error && explainLoss(error)}
        />
        <div class="dialog-actions">
          <Button onClick={onClose}>Leave it</Button>
          <Button type="submit" variant={isDangerous ? 'danger' : 'primary'} isBusy={isRunning}>
            {submit}
          </Button>
        </div>
      </form>
      {asks && question && (
        <ConfirmDialog
          title={question.title}
          confirm={question.confirm}
          isBusy={isRunning}
          onConfirm={send}
          onClose={() => setAsks(false)}
        >
          <p>{question.text}</p>
        </ConfirmDialog>
      )}
    </Dialog>
  )
}

function isStale({ field }: UserError): boolean {
  return field?.at(-1) === 'expectedVersion'
}

type StaleProps = { title: string; errors: readonly UserError[]; onClose: () => void }

/** Somebody was faster: what the reader decided was about an order that is no more. */
function Stale({ title, errors, onClose }: StaleProps) {
  return (
    <Dialog title={title} onClose={onClose}>
      <div role="alert" class="form">
        <p>
          <strong>The order has changed since you opened this, so nothing was done.</strong>{' '}
          {errors.find(isStale)?.message}.
        </p>
        <p>The page behind shows it as it is now. Look at it, then decide again.</p>
      </div>
      <div class="dialog-actions">
        <Button variant="primary" onClick={onClose}>
          Look at the order
        </Button>
      </div>
    </Dialog>
  )
}

function explainLoss(error: CombinedError): string {
  if (error.graphQLErrors.length > 0) return explain(error)
  return 'No answer came: it may be done or not. Send it again as it is; it is done once in any case.'
}
