import type { Logger } from 'pino'
import type { WebhookNews } from '../../domain/webhooks/webhook-news.ts'

/** Logs what changes for a webhook, and what needs an operator: not each attempt of one that fails, which may be thousands. */
export function logWebhooks(logger: Logger): (news: readonly WebhookNews[]) => void {
  return (news) => {
    for (const [webhookId, all] of Map.groupBy(news.filter(isGivenUp), (one) => one.webhookId)) {
      const { responseStatus, error } = all.at(-1)!.result
      logger.warn({ webhookId, count: all.length, responseStatus, error }, 'webhook deliveries given up')
    }
    for (const one of news) logOne(logger, one)
  }
}

type Attempted = Extract<WebhookNews, { kind: 'attempted' }>

function isGivenUp(news: WebhookNews): news is Attempted {
  return news.kind === 'attempted' && news.isGivenUp
}

function logOne(logger: Logger, news: WebhookNews): void {
  switch (news.kind) {
    case 'attempted':
      return
    case 'failing': {
      const { webhookId, host, reason } = news
      logger.warn({ webhookId, host, reason }, 'webhook fails, retrying')
      return
    }
    case 'recovered': {
      const { webhookId, host, failedForMs } = news
      logger.info({ webhookId, host, ms: failedForMs }, 'webhook delivers again')
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
