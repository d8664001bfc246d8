import { useState } from 'preact/hooks'
import { explain } from '../../api/explain.ts'
import { graphql } from '../../api/graphql.ts'
import { useWrite } from '../../api/use-write.ts'
import { Button } from '../../components/button.tsx'
import { Dialog } from '../../components/dialog.tsx'
import { errorOf, Field, FormErrors } from '../../components/field.tsx'
import type { WebhookState } from '../webhooks/webhook-badges.tsx'
import { announceSent } from './announce-sent.ts'

const RedeliverGivenUpDocument = graphql(`
  mutation RedeliverGivenUp($input: RedeliverGivenUpInput!) {
    redeliverGivenUp(input: $input) {
      count
      userErrors {
        message
        field
      }
    }
  }
`)

const DAY_MS = 86_400_000

type GivenUpDialogProps = {
  webhook: WebhookState
  onDone: () => void
  onClose: () => void
}

/** Sends again what was given up since a time: since the webhook fails, as long as nobody says otherwise. */
export function GivenUpDialog({
  webhook: { id, status, failingSince },
  onDone,
  onClose,
}: GivenUpDialogProps) {
  const { run, isRunning, userErrors, error } = useWrite(RedeliverGivenUpDocument)
  const [since, setSince] = useState(() => asLocal(failingSince ? new Date(failingSince) : dayAgo()))
  const submit = async (event: SubmitEvent) => {
    event.preventDefault()
    if (isRunning) return
    const sent = await run({ input: { webhookId: id, since: new Date(since).toISOString() } })
    if (!sent) return
    announceSent(sent.count, status)
    onDone()
    onClose()
  }
  return (
    <Dialog title="Redeliver what was given up" onClose={onClose}>
      <form class="form" onSubmit={(event) => void submit(event)}>
        <Field
          label="Given up since"
          name="since"
          type="datetime-local"
          required
          value={since}
          onInput={setSince}
          hint="In your time zone. What was given up is kept for 30 days."
          error={errorOf(userErrors, 'since')}
        />
        <p class="what-comes">
          Each has all its tries before it again, and keeps its id, so the receiver can drop what it has had.
          One click sends the oldest 10,000; another one the next.
        </p>
        <FormErrors userErrors={userErrors} shown={['since']} failure={error && explain(error)} />
        <div class="dialog-actions">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" isBusy={isRunning}>
            Redeliver
          </Button>
        </div>
      </form>
    </Dialog>
  )
}

function dayAgo(): Date {
  return new Date(Date.now() - DAY_MS)
}

/** As the field takes a time: in the reader's zone, to the minute that has begun. */
function asLocal(at: Date): string {
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16)
}
