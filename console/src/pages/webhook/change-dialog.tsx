import { graphql } from '../../api/graphql.ts'
import { useWrite } from '../../api/use-write.ts'
import { announce } from '../../components/announcer.tsx'
import { WebhookForm } from '../webhooks/webhook-form.tsx'
import type { WebhookDialogProps } from './webhook-dialog.tsx'

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
  const change = async (input: { url: string; events: string[] }) => {
    // whoever sends a URL says that it is another one, which has not failed yet
    const saved = await write.run({ input: { ...input, id, url: input.url === url ? null : input.url } })
    if (!saved) return
    announce('The webhook is saved')
    onDone()
    onClose()
  }
  return (
    <WebhookForm
      title="Change the webhook"
      submit="Save"
      before={{ url, events }}
      write={write}
      onSubmit={(input) => void change(input)}
      onClose={onClose}
    />
  )
}
