import type { CombinedError } from '@urql/core'
import type { ComponentChildren } from 'preact'
import { explain } from '../../api/explain.ts'
import type { UserError } from '../../api/use-write.ts'
import { Button } from '../../components/button.tsx'
import { Dialog } from '../../components/dialog.tsx'
import { FormErrors } from '../../components/field.tsx'

type StockFormProps = {
  title: string
  /** What the button says: a verb. */
  submit: string
  /** Whether others lose something by it. */
  isHarmful?: boolean
  /** What will come of it, in words; null while that cannot be said. */
  consequence: ComponentChildren
  write: { isRunning: boolean; userErrors: readonly UserError[]; error: CombinedError | undefined }
  /** The names of the input's fields that show their errors themselves. */
  shown: readonly string[]
  onSubmit: () => void
  onClose: () => void
  children: ComponentChildren
}

/** A dialog that changes stock: it says what will come of it, and sends it under one key however often it is sent. */
export function StockForm(props: StockFormProps) {
  const { title, submit, isHarmful, consequence, write, shown, onSubmit, onClose, children } = props
  const { isRunning, userErrors, error } = write
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault()
          onSubmit()
        }}
      >
        {children}
        <div class="consequence" role="status">
          {consequence}
        </div>
        <FormErrors
          userErrors={userErrors.map(inWords)}
          shown={shown}
          failure={error && explainLoss(error)}
        />
        <div class="dialog-actions">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" variant={isHarmful ? 'danger' : 'primary'} isBusy={isRunning}>
            {submit}
          </Button>
        </div>
      </form>
    </Dialog>
  )
}

/** What was sent first was done, its answer was lost, and then something else was sent under its key. */
function inWords(error: UserError): UserError {
  if (error.field?.at(-1) !== 'idempotencyKey') return error
  return {
    ...error,
    message:
      'What you sent before was done, and this is something else. Close this, look at the ledger, and begin anew.',
  }
}

function explainLoss(error: CombinedError): string {
  if (error.graphQLErrors.length > 0) return explain(error)
  return 'No answer came: it may be done or not. Send it again as it is; it is done once in any case.'
}
