import type { ComponentChildren } from 'preact'
import type { UserError } from '../../api/use-write.ts'
import { FormDialog, type FormDialogProps } from '../../components/form-dialog.tsx'

type StockFormProps = Omit<FormDialogProps, 'leave' | 'isDoneOnce' | 'question'> & {
  /** What will come of it, in words; null while that cannot be said. */
  consequence: ComponentChildren
}

/** A dialog that changes stock: it says what will come of it, and sends it under one key however often it is sent. */
export function StockForm({ consequence, write, children, ...dialog }: StockFormProps) {
  return (
    <FormDialog {...dialog} isDoneOnce write={{ ...write, userErrors: write.userErrors.map(inWords) }}>
      {children}
      <div class="consequence" role="status">
        {consequence}
      </div>
    </FormDialog>
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
