import type { Logger } from 'pino'
import type { WebhookNews } from '../../domain/webhooks/webhook-news.ts'

/** Logs each try that failed, and what needs an operator. A delivery that was made is no news. */
export function logWebhooks(logger: Logger): (news: readonly WebhookNews[]) => void {
  return (news) => {
    for (const one of news) logOne(logger, one)
  }
}

function logOne(logger: Logger, news: WebhookNews): void {
  switch (news.kind) {
    case 'tried': {
      const { webhookId, eventId, eventType, attempt, outcome, isGivenUp, result } = news
      if (outcome === 'delivered') return
      const { responseStatus, error, durationMs } = result
      const fields = { webhookId, eventId, eventType, attempt, responseStatus, error, ms: durationMs }
      if (isGivenUp) logger.warn(fields, 'webhook delivery given up')
      else logger.info(fields, 'webhook delivery failed, retrying')
      return
    }
    case 'disabled': {
      const { webhookId, host, reason } = news
      logger.error({ webhookId, host, reason }, 'webhook disabled')
      return
    }
    case 'secrets-unreadable':
      logger.error(
        { webhookIds: news.webhookIds },
        'webhook secrets cannot be read: no key of WEBHOOK_SECRET_KEY opens them',
      )
  }
}
