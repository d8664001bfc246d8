import { ChangeDialog } from './change-dialog.tsx'
import { DeleteDialog } from './delete-dialog.tsx'
import { RotateDialog } from './rotate-dialog.tsx'
import type { WebhookDialogProps } from './webhook-dialog-props.ts'

export type WebhookDialogKind = 'change' | 'rotate' | 'delete'

const DIALOGS = { change: ChangeDialog, rotate: RotateDialog, delete: DeleteDialog }

/** The dialog that a button of a webhook opens. */
export function WebhookDialog({ kind, ...props }: WebhookDialogProps & { kind: WebhookDialogKind }) {
  const Chosen = DIALOGS[kind]
  return <Chosen {...props} />
}
