/** What each dialog that changes a webhook is given. */
export type WebhookDialogProps = {
  webhook: { id: string; url: string; events: readonly string[] }
  onDone: () => void
  onClose: () => void
}
