import type { AttemptOutcome, AttemptResult } from './delivery-policy.ts'
import type { EventName } from './event-names.ts'

/** What became of webhooks, for logs and metrics. */
export type WebhookNews =
  | {
      kind: 'attempted'
      webhookId: string
      eventId: string
      eventType: EventName
      attempt: number
      outcome: AttemptOutcome
      isGivenUp: boolean
      result: AttemptResult
    }
  /** The first attempt failed after one that succeeded. */
  | { kind: 'failing'; webhookId: string; host: string; reason: string }
  /** An attempt succeeded again. */
  | { kind: 'recovered'; webhookId: string; host: string; failedForMs: number }
  | { kind: 'disabled'; webhookId: string; host: string; reason: string }
  | { kind: 'secrets-unreadable'; webhookIds: readonly string[] }
