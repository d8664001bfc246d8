import type { graphql } from '../../api/graphql.ts'
import { announce } from '../../components/announcer.tsx'

type WebhookStatus = ReturnType<typeof graphql.scalar<'WebhookStatus'>>

/** Says how many deliveries are sent again, and when that is. */
export function announceSent(count: number, status: WebhookStatus): void {
  announce(inWords(count.toLocaleString(), status))
}

function inWords(count: string, status: WebhookStatus): string {
  if (count === '0') return 'There was nothing to send'
  if (status === 'ACTIVE') return `Sent again: ${count}`
  return `To be sent again: ${count}. That waits until the webhook is active`
}
