import type { TryOutcome, TryResult } from './delivery-policy.ts'
import type { EventName } from './event-names.ts'

/** What became of webhooks, for logs and metrics. */
export type WebhookNews =
  | {
      kind: 'tried'
      webhookId: string
      eventId: string
      eventType: EventName
      attempt: number
      outcome: TryOutcome
      isGivenUp: boolean
      result: TryResult
    }
  /** The first try failed after one that succeeded. */
  | { kind: 'failing'; webhookId: string; host: string; reason: string }
  /** A try succeeded again. */
  | { kind: 'recovered'; webhookId: string; host: string; failedForMs: number }
  | { kind: 'disabled'; webhookId: string; host: string; reason: string }
  | { kind: 'secrets-unreadable'; webhookIds: readonly string[] }
