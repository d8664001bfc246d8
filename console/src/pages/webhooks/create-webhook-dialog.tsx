import { graphql } from '../../api/graphql.ts'
import { useKey } from '../../api/use-key.ts'
import { useWrite } from '../../api/use-write.ts'
import { WebhookForm, type WebhookInput } from './webhook-form.tsx'

const CreateWebhookDocument = graphql(`
  mutation CreateWebhook($input: CreateWebhookInput!) {
    createWebhook(input: $input) {
      webhook {
        id
      }
      secret
      userErrors {
        message
        field
      }
    }
  }
`)

const NEW = { url: '', events: ['*'] }

type CreateWebhookDialogProps = {
  /** Gets the new webhook. `secret`: null after an answer that was lost, which had it. */
  onCreated: (created: { id: string; secret: string | null }) => void
  onClose: () => void
}

export function CreateWebhookDialog({ onCreated, onClose }: CreateWebhookDialogProps) {
  const idempotencyKey = useKey()
  const write = useWrite(CreateWebhookDocument)
  const create = async (input: WebhookInput) => {
    const created = await write.run({ input: { ...input, idempotencyKey } })
    if (created?.webhook) onCreated({ id: created.webhook.id, secret: created.secret })
    // the page closes this dialog, and shows the secret or says why it cannot
    return undefined
  }
  return (
    <WebhookForm
      title="New webhook"
      submit="Create"
      before={NEW}
      write={write}
      onSubmit={create}
      onClose={onClose}
    />
  )
}
