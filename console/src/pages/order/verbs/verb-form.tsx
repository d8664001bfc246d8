import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import type { UserError } from '../../../api/use-write.ts'
import { Button } from '../../../components/button.tsx'
import { Dialog } from '../../../components/dialog.tsx'
import { FormDialog, type FormDialogProps } from '../../../components/form-dialog.tsx'

type VerbFormProps = Omit<FormDialogProps, 'leave' | 'isDoneOnce' | 'onDone'> & {
  /** What comes of it, in words. */
  consequence: ComponentChildren
  /** What is missing, in words; undefined where nothing is. */
  lack?: string | undefined
}

/** A dialog that changes an order. Where something is missing, it asks and sends nothing, and says what. */
export function VerbForm(props: VerbFormProps) {
  const { consequence, lack, question, write, onSubmit, children, ...dialog } = props
  const [isTried, setTried] = useState(false)
  const { title, onClose } = dialog
  if (write.userErrors.some(isStale))
    return <Stale title={title} errors={write.userErrors} onClose={onClose} />
  const isLacking = lack !== undefined
  const submit = async () => {
    setTried(true)
    return isLacking ? undefined : onSubmit()
  }
  return (
    <FormDialog
      {...dialog}
      leave="Leave it"
      isDoneOnce
      question={isLacking ? undefined : question}
      write={isTried && isLacking ? { ...write, userErrors: [{ message: lack, field: null }] } : write}
      onSubmit={submit}
    >
      {children}
      <div class="what-comes">{consequence}</div>
    </FormDialog>
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
