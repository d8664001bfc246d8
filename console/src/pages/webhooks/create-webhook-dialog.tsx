import { graphql } from '../../api/graphql.ts'
import { useKey } from '../../api/use-key.ts'
import { useWrite } from '../../api/use-write.ts'
import { WebhookForm } from './webhook-form.tsx'

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
  const create = async (input: { url: string; events: string[] }) => {
    const created = await write.run({ input: { ...input, idempotencyKey } })
    if (created?.webhook) onCreated({ id: created.webhook.id, secret: created.secret })
  }
  return (
    <WebhookForm
      title="New webhook"
      submit="Create"
      before={NEW}
      write={write}
      onSubmit={(input) => void create(input)}
      onClose={onClose}
    />
  )
}
