import { ChangeDialog } from './change-dialog.tsx'
import { DeleteDialog } from './delete-dialog.tsx'
import { RotateDialog } from './rotate-dialog.tsx'

export type WebhookDialogKind = 'change' | 'rotate' | 'delete'

export type WebhookDialogProps = {
  webhook: { id: string; url: string; events: readonly string[] }
  onDone: () => void
  onClose: () => void
}

const DIALOGS = { change: ChangeDialog, rotate: RotateDialog, delete: DeleteDialog }

/** The dialog that a button of a webhook opens. */
export function WebhookDialog({ kind, ...props }: WebhookDialogProps & { kind: WebhookDialogKind }) {
  const Chosen = DIALOGS[kind]
  return <Chosen {...props} />
}
