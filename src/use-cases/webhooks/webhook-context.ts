import type { WebhookNews } from '../../domain/webhooks/webhook-news.ts'
import type { WriteContext } from '../context.ts'
import type { SecretBox } from './secret-box.ts'

/** What the use-cases of webhooks are handed. */
export type WebhookContext = WriteContext & {
  secretBox: SecretBox
  /** @throws {TypeError} for the host of a URL that is an address where no webhook may be */
  assertWebhookHost: (hostname: string) => void
  /** Hears of each attempt, and of webhooks that are disabled. */
  onWebhooks: (news: readonly WebhookNews[]) => void
  /** A number in [0, 1). */
  random: () => number
}
