import type { CombinedError } from '@urql/core'
import type { ComponentChildren } from 'preact'
import { useRef, useState } from 'preact/hooks'
import { explain } from '../api/explain.ts'
import type { UserError, WriteState } from '../api/use-write.ts'
import { announce } from './announcer.tsx'
import { Button } from './button.tsx'
import { ConfirmDialog, Dialog } from './dialog.tsx'
import { FormErrors, UserErrorsContext } from './field.tsx'

/** What is asked once more, in words. `confirm` is a verb. */
type Question = { title: string; text: string; confirm: string }

export type FormDialogProps = {
  title: string
  /** What the button says: a verb. */
  submit: string
  /** What the button beside it says. */
  leave?: string
  /** Whether it cannot be undone, or others lose something by it. */
  isDangerous?: boolean
  /** Whether it is done once however often it is sent. After an answer that was lost, the dialog says so. */
  isDoneOnce?: boolean
  /** Asked before it is sent; undefined where nothing is. */
  question?: Question | undefined
  write: WriteState
  /** Sends it. Returns what was done, in words; undefined where nothing was, which leaves the dialog open. */
  onSubmit: () => Promise<string | undefined>
  /** Called once it was done, before the dialog closes. */
  onDone?: () => void
  onClose: () => void
  children?: ComponentChildren
}

/**
 * A dialog whose form changes something. Each user error stands at the field of its name, and below the form where there is no
 * such field.
 */
export function FormDialog(props: FormDialogProps) {
  const { title, submit, leave = 'Cancel', isDangerous, isDoneOnce, question, write, children } = props
  const { onSubmit, onDone, onClose } = props
  const { isRunning, userErrors, error } = write
  const form = useRef<HTMLFormElement>(null)
  const [asks, setAsks] = useState(false)
  const send = async () => {
    setAsks(false)
    const done = await onSubmit()
    if (done === undefined) return
    announce(done)
    onDone?.()
    onClose()
  }
  const hasField = ({ field }: UserError) => Boolean(form.current?.elements.namedItem(field?.at(-1) ?? ''))
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        ref={form}
        class="form"
        onSubmit={(event) => {
          event.preventDefault()
          // Enter sends a form whose button is busy
          if (isRunning) return
          if (question) setAsks(true)
          else void send()
        }}
      >
        <UserErrorsContext.Provider value={userErrors}>{children}</UserErrorsContext.Provider>
        <FormErrors
          userErrors={userErrors.filter((userError) => !hasField(userError))}
          failure={error && (isDoneOnce ? explainLoss(error) : explain(error))}
        />
        <div class="dialog-actions">
          <Button onClick={onClose}>{leave}</Button>
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
          onConfirm={() => void send()}
          onClose={() => setAsks(false)}
        >
          <p>{question.text}</p>
        </ConfirmDialog>
      )}
    </Dialog>
  )
}

function explainLoss(error: CombinedError): string {
  if (error.graphQLErrors.length > 0) return explain(error)
  return 'No answer came: it may be done or not. Send it again as it is; it is done once in any case.'
}
