import type pg from 'pg'
import { Counter, Histogram, type Registry } from 'prom-client'
import type { AttemptOutcome } from '../../domain/webhooks/delivery-policy.ts'
import { WEBHOOK_STATUSES } from '../../domain/webhooks/webhook.ts'
import type { WebhookNews } from '../../domain/webhooks/webhook-news.ts'
import { BACKLOG_COUNTED_MAX, WEBHOOK_FAILING_AFTER_MS } from '../../limits.ts'
import { readBacklogs, type WebhookBacklog } from '../../sql/webhooks/backlogs.ts'
import type { DatabaseFigures } from './database-figures.ts'

/** From a receiver in the same network to one that times out. */
const TRY_BUCKETS_S = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15]

const ATTEMPT_OUTCOMES = ['delivered', 'failed', 'gone'] as const satisfies readonly AttemptOutcome[]

/** Shows the backlog of all webhooks together, and counts this process' attempts. Every process shows the same backlog. */
export function measureWebhooks(
  registry: Registry,
  figures: DatabaseFigures,
  pool: pg.Pool,
): (news: readonly WebhookNews[]) => void {
  measureBacklogs(figures, pool)
  const registers = [registry]
  const attempts = new Histogram({
    name: 'holdfast_webhook_attempt_duration_seconds',
    help: 'Calls of webhooks by outcome. delivered: a 2xx; gone: a 410; failed: anything else, and no answer',
    labelNames: ['outcome'],
    buckets: TRY_BUCKETS_S,
    registers,
  })
  for (const outcome of ATTEMPT_OUTCOMES) attempts.zero({ outcome })
  const givenUp = new Counter({
    name: 'holdfast_webhook_deliveries_given_up_total',
    help: 'Deliveries whose last attempt failed',
    registers,
  })
  const disabled = new Counter({
    name: 'holdfast_webhooks_disabled_total',
    help: 'Webhooks that Holdfast disabled: their receiver was gone, or nothing was delivered for 120 h',
    registers,
  })
  return (news) => {
    for (const one of news) {
      if (one.kind === 'disabled') disabled.inc()
      if (one.kind !== 'attempted') continue
      attempts.observe({ outcome: one.outcome }, one.result.durationMs / 1_000)
      if (one.isGivenUp) givenUp.inc()
    }
  }
}

/** Whether a webhook is sent what is due as fast as it can take it: one that fails has its own figure, and few calls. */
function isAnswering({ failingS }: WebhookBacklog): boolean {
  return failingS === null || failingS * 1_000 < WEBHOOK_FAILING_AFTER_MS
}

function measureBacklogs(figures: DatabaseFigures, pool: pg.Pool): void {
  const gauge = figures.group(
    'webhooks',
    () => readBacklogs(pool, BACKLOG_COUNTED_MAX),
    (backlogs) => {
      const active = backlogs.filter(({ status }) => status === 'ACTIVE')
      for (const status of WEBHOOK_STATUSES) {
        webhooks.set({ status }, backlogs.filter((backlog) => backlog.status === status).length)
      }
      pending.set(backlogs.reduce((sum, backlog) => sum + backlog.pending, 0))
      age.set(Math.max(0, ...active.map(({ oldestAgeS }) => oldestAgeS ?? 0)))
      overdue.set(Math.max(0, ...active.filter(isAnswering).map(({ overdueS }) => overdueS ?? 0)))
      failing.set(Math.max(0, ...active.map(({ failingS }) => failingS ?? 0)))
    },
  )
  const webhooks = gauge('holdfast_webhooks', 'Webhooks by status', ['status'])
  const pending = gauge(
    'holdfast_webhook_deliveries_pending',
    'Deliveries that are due, in flight or wait for another attempt. Counts the first 10,000 of each webhook',
  )
  const age = gauge(
    'holdfast_webhook_oldest_pending_age_seconds',
    'Age of the oldest event that was not delivered to an active webhook. 0 without one',
  )
  const overdue = gauge(
    'holdfast_webhook_overdue_seconds',
    'For how long an event that is due has not been sent to an active webhook, of all the longest. Leaves out webhooks without a success for five minutes',
  )
  const failing = gauge(
    'holdfast_webhook_failing_seconds',
    'For how long an active webhook has failed without a success, of all the longest. 0 where the last attempt of each succeeded',
  )
}
