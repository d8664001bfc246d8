import { useState } from 'preact/hooks'
import { Field } from '../../components/field.tsx'
import { FormDialog, type FormDialogProps } from '../../components/form-dialog.tsx'
import { EventPicker, subscriptionsOf } from './event-picker.tsx'

/** What is asked of a webhook. */
export type WebhookInput = { url: string; events: string[] }

type WebhookFormProps = Pick<FormDialogProps, 'title' | 'submit' | 'write' | 'onDone' | 'onClose'> & {
  before: { url: string; events: readonly string[] }
  onSubmit: (input: WebhookInput) => Promise<string | undefined>
}

/** A dialog that asks where events are sent, and which. */
export function WebhookForm({ before, onSubmit, ...dialog }: WebhookFormProps) {
  const [url, setUrl] = useState(before.url)
  const [chosen, setChosen] = useState<ReadonlySet<string>>(() => new Set(before.events))
  const [eventsError, setEventsError] = useState<string>()
  const submit = async () => {
    const events = subscriptionsOf(chosen)
    setEventsError(events.length === 0 ? 'Choose at least one.' : undefined)
    return events.length === 0 ? undefined : onSubmit({ url: url.trim(), events })
  }
  return (
    <FormDialog {...dialog} onSubmit={submit}>
      <Field
        label="URL"
        name="url"
        type="url"
        required
        value={url}
        onInput={setUrl}
        spellcheck={false}
        hint="Use https: everyone on the way reads what is sent by http."
      />
      <EventPicker chosen={chosen} onInput={setChosen} error={eventsError} />
    </FormDialog>
  )
}
