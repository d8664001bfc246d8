import { useLocation } from 'preact-iso/router'
import { explain } from '../../api/explain.ts'
import { graphql } from '../../api/graphql.ts'
import { useWrite } from '../../api/use-write.ts'
import { announce } from '../../components/announcer.tsx'
import { ConfirmDialog } from '../../components/dialog.tsx'
import { FormErrors } from '../../components/field.tsx'
import type { WebhookDialogProps } from './webhook-dialog-props.ts'

const DeleteWebhookDocument = graphql(`
  mutation DeleteWebhook($id: ID!) {
    deleteWebhook(id: $id) {
      webhook {
        id
      }
      userErrors {
        message
        field
      }
    }
  }
`)

/** Asks, deletes the webhook, and leads back to the others. */
export function DeleteDialog({ webhook: { id, url }, onClose }: WebhookDialogProps) {
  const { route } = useLocation()
  const { run, isRunning, userErrors, error } = useWrite(DeleteWebhookDocument)
  const remove = async () => {
    if (!(await run({ id }))) return
    announce('The webhook is deleted')
    route('/console/webhooks')
  }
  return (
    <ConfirmDialog
      title="Delete the webhook?"
      confirm="Delete"
      isBusy={isRunning}
      onConfirm={() => void remove()}
      onClose={onClose}
    >
      <p>
        <span class="id">{url}</span> is told nothing more, also not what is pending. Its secret and its
        deliveries are gone. To stop it for a while, pause it.
      </p>
      <FormErrors userErrors={userErrors} failure={error && explain(error)} />
    </ConfirmDialog>
  )
}
