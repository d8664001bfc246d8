import { useState } from 'preact/hooks'
import { explain } from '../../api/explain.ts'
import { graphql } from '../../api/graphql.ts'
import { useWrite } from '../../api/use-write.ts'
import { ConfirmDialog } from '../../components/dialog.tsx'
import { FormErrors } from '../../components/field.tsx'
import { SecretDialog } from '../webhooks/secret-dialog.tsx'
import type { WebhookDialogProps } from './webhook-dialog-props.ts'

const RotateSecretDocument = graphql(`
  mutation RotateSecret($id: ID!) {
    rotateWebhookSecret(id: $id) {
      secret
      userErrors {
        message
        field
      }
    }
  }
`)

/** Asks, makes a new secret, and shows it. */
export function RotateDialog({ webhook: { id }, onClose }: WebhookDialogProps) {
  const { run, isRunning, userErrors, error } = useWrite(RotateSecretDocument)
  const [secret, setSecret] = useState<string>()
  const rotate = async () => setSecret((await run({ id }))?.secret ?? undefined)
  if (secret !== undefined) return <SecretDialog key="secret" secret={secret} onClose={onClose} />
  return (
    <ConfirmDialog
      title="Rotate the secret?"
      confirm="Rotate"
      isBusy={isRunning}
      onConfirm={() => void rotate()}
      onClose={onClose}
    >
      <p>
        For 24 h each event is signed with both secrets, so the receiver can change over. Each replaced secret
        signs for its own 24 h.
      </p>
      <FormErrors userErrors={userErrors} failure={error && explain(error)} />
    </ConfirmDialog>
  )
}
