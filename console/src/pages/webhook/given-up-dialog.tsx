import { useState } from 'preact/hooks'
import { graphql } from '../../api/graphql.ts'
import { useWrite } from '../../api/use-write.ts'
import { Field } from '../../components/field.tsx'
import { FormDialog } from '../../components/form-dialog.tsx'
import type { WebhookState } from '../webhooks/webhook-badges.tsx'
import { sentInWords } from './sent-in-words.ts'

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
  const write = useWrite(RedeliverGivenUpDocument)
  const [since, setSince] = useState(() => asLocal(failingSince ? new Date(failingSince) : dayAgo()))
  const redeliver = async () => {
    const sent = await write.run({ input: { webhookId: id, since: new Date(since).toISOString() } })
    return sent && sentInWords(sent.count, status)
  }
  return (
    <FormDialog
      title="Redeliver what was given up"
      submit="Redeliver"
      write={write}
      onSubmit={redeliver}
      onDone={onDone}
      onClose={onClose}
    >
      <Field
        label="Given up since"
        name="since"
        type="datetime-local"
        required
        value={since}
        onInput={setSince}
        hint="In your time zone. What was given up is kept for 30 days."
      />
      <p class="what-comes">
        Each has all its tries before it again, and keeps its id, so the receiver can drop what it has had.
        One click sends the oldest 10,000; another one the next.
      </p>
    </FormDialog>
  )
}

function dayAgo(): Date {
  return new Date(Date.now() - DAY_MS)
}

/** As the field takes a time: in the reader's zone, to the minute that has begun. */
function asLocal(at: Date): string {
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16)
}
