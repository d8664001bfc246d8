import { announce } from '../../components/announcer.tsx'
import type { WebhookState } from '../webhooks/webhook-badges.tsx'

/** Says how many deliveries are sent again, and when that is. */
export function announceSent(count: number, status: WebhookState['status']): void {
  announce(inWords(count.toLocaleString(), status))
}

function inWords(count: string, status: WebhookState['status']): string {
  if (count === '0') return 'There was nothing to send'
  if (status === 'ACTIVE') return `Sent again: ${count}`
  return `To be sent again: ${count}. That waits until the webhook is active`
}
