import { graphql } from '../../api/graphql.ts'
import { useWrite } from '../../api/use-write.ts'
import { WebhookForm, type WebhookInput } from '../webhooks/webhook-form.tsx'
import type { WebhookDialogProps } from './webhook-dialog-props.ts'

const ChangeWebhookDocument = graphql(`
  mutation ChangeWebhook($input: UpdateWebhookInput!) {
    updateWebhook(input: $input) {
      webhook {
        id
        url
        events
      }
      userErrors {
        message
        field
      }
    }
  }
`)

/** Sends a webhook's events elsewhere, or others. */
export function ChangeDialog({ webhook: { id, url, events }, onDone, onClose }: WebhookDialogProps) {
  const write = useWrite(ChangeWebhookDocument)
  const change = async (input: WebhookInput) => {
    // whoever sends a URL says that it is another one, which has not failed yet
    const saved = await write.run({ input: { ...input, id, url: input.url === url ? null : input.url } })
    return saved && 'The webhook is saved'
  }
  return (
    <WebhookForm
      title="Change the webhook"
      submit="Save"
      before={{ url, events }}
      write={write}
      onSubmit={change}
      onDone={onDone}
      onClose={onClose}
    />
  )
}
