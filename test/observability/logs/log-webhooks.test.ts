import { pino } from 'pino'
import { expect, test } from 'vitest'
import type { WebhookNews } from '../../../src/domain/webhooks/webhook-news.ts'
import { logWebhooks } from '../../../src/observability/logs/log-webhooks.ts'

const tried = (isGivenUp: boolean): WebhookNews => ({
  kind: 'attempted',
  webhookId: 'w',
  eventId: 'evt_m1',
  eventType: 'inventory.changed',
  attempt: 1,
  outcome: 'failed',
  isGivenUp,
  result: { responseStatus: 500, responseBody: '', error: null, durationMs: 1, retryAfterMs: null },
})

test('thousands of tries that fail are no lines, and thousands that are given up are one', () => {
  const lines: string[] = []
  const log = logWebhooks(pino({ base: null, timestamp: false }, { write: (line) => void lines.push(line) }))
  log(Array.from({ length: 1_000 }, () => tried(false)))
  expect(lines).toEqual([])
  log(Array.from({ length: 1_000 }, () => tried(true)))
  log([
    { kind: 'failing', webhookId: 'w', host: 'h', reason: 'HTTP 500' },
    { kind: 'recovered', webhookId: 'w', host: 'h', failedForMs: 7 },
  ])
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    {
      level: 40,
      webhookId: 'w',
      count: 1_000,
      responseStatus: 500,
      error: null,
      msg: 'webhook deliveries given up',
    },
    { level: 40, webhookId: 'w', host: 'h', reason: 'HTTP 500', msg: 'webhook fails, retrying' },
    { level: 30, webhookId: 'w', host: 'h', ms: 7, msg: 'webhook delivers again' },
  ])
})
