import type { CombinedError } from '@urql/core'
import { useState } from 'preact/hooks'
import { explain } from '../../api/explain.ts'
import type { UserError } from '../../api/use-write.ts'
import { Button } from '../../components/button.tsx'
import { Dialog } from '../../components/dialog.tsx'
import { errorOf, Field, FormErrors } from '../../components/field.tsx'
import { EventPicker, subscriptionsOf } from './event-picker.tsx'

type WebhookFormProps = {
  title: string
  /** What the button says: a verb. */
  submit: string
  before: { url: string; events: readonly string[] }
  write: { isRunning: boolean; userErrors: readonly UserError[]; error: CombinedError | undefined }
  onSubmit: (input: { url: string; events: string[] }) => void
  onClose: () => void
}

/** A dialog that asks where events are sent, and which. */
export function WebhookForm({ title, submit, before, write, onSubmit, onClose }: WebhookFormProps) {
  const [url, setUrl] = useState(before.url)
  const [chosen, setChosen] = useState<ReadonlySet<string>>(() => new Set(before.events))
  const [eventsError, setEventsError] = useState<string>()
  const { isRunning, userErrors, error } = write
  const send = (event: SubmitEvent) => {
    event.preventDefault()
    // Enter sends a form whose button is busy
    if (isRunning) return
    const events = subscriptionsOf(chosen)
    setEventsError(events.length === 0 ? 'Choose at least one.' : undefined)
    if (events.length > 0) onSubmit({ url: url.trim(), events })
  }
  return (
    <Dialog title={title} onClose={onClose}>
      <form class="form" onSubmit={send}>
        <Field
          label="URL"
          name="url"
          type="url"
          required
          value={url}
          onInput={setUrl}
          spellcheck={false}
          hint="Use https: everyone on the way reads what is sent by http."
          error={errorOf(userErrors, 'url')}
        />
        <EventPicker chosen={chosen} onInput={setChosen} error={eventsError} />
        <FormErrors userErrors={userErrors} shown={['url']} failure={error && explain(error)} />
        <div class="dialog-actions">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" isBusy={isRunning}>
            {submit}
          </Button>
        </div>
      </form>
    </Dialog>
  )
}
