import type { WebhookState } from '../webhooks/webhook-badges.tsx'

/** Says how many deliveries are sent again, and when that is. */
export function sentInWords(count: number, status: WebhookState['status']): string {
  if (count === 0) return 'There was nothing to send'
  const sent = count.toLocaleString()
  if (status === 'ACTIVE') return `Sent again: ${sent}`
  return `To be sent again: ${sent}. That waits until the webhook is active`
}
