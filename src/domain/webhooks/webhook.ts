import type { EventName } from './event-names.ts'

export const WEBHOOK_STATUSES = ['ACTIVE', 'PAUSED', 'DISABLED'] as const
/** PAUSED by an operator; DISABLED by Holdfast, which says why. Neither is sent anything but tests, nor loses its place. */
export type WebhookStatus = (typeof WEBHOOK_STATUSES)[number]

/** A receiver of events. */
export type Webhook = {
  id: string
  url: string
  /** Names of events, or patterns. */
  events: string[]
  status: WebhookStatus
  disabledReason: string | null
  /** Since when no delivery has succeeded, while they fail. */
  failingSince: Date | null
  createdAt: Date
}

/** An event that is sent to a webhook. */
export type Delivery = {
  id: string
  webhookId: string
  eventId: string
  eventType: EventName
  status: 'PENDING' | 'DELIVERED' | 'GIVEN_UP'
  /** Attempts that ended. */
  attempts: number
  nextAttemptAt: Date | null
  responseStatus: number | null
  responseBody: string | null
  error: string | null
  durationMs: number | null
  createdAt: Date
  endedAt: Date | null
}

/** Longer than any address of a receiver, and fits a line of a log. */
export const URL_LENGTH_MAX = 2_000

/**
 * Whether a webhook may have this URL: http or https, without credentials, which would be logged and shown, and without a
 * fragment, which nobody would receive. Where it leads is looked at when it is connected to.
 */
export function isWebhookUrl(text: string): boolean {
  if (text.length > URL_LENGTH_MAX || !/^https?:\/\/[^\s]+$/i.test(text) || !URL.canParse(text)) return false
  const { username, password, hash } = new URL(text)
  return [username, password, hash].every((part) => part === '')
}
