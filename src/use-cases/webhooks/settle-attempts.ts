import { GroupCommit, type GroupObserver } from '../../database/group-commit.ts'
import { inTransaction } from '../../database/transaction.ts'
import {
  type AttemptOutcome,
  type AttemptResult,
  FAILED_TOO_LONG,
  FAILING_MAX_MS,
  outcomeOf,
  retryDelayMs,
} from '../../domain/webhooks/delivery-policy.ts'
import { hasOrderEvents } from '../../domain/webhooks/event-names.ts'
import type { Webhook } from '../../domain/webhooks/webhook.ts'
import type { WebhookNews } from '../../domain/webhooks/webhook-news.ts'
import { readClock } from '../../sql/orders/holds.ts'
import { type ClaimedDelivery, writeAttempts } from '../../sql/webhooks/deliveries.ts'
import { lockWebhooks, writeWebhook } from '../../sql/webhooks/webhooks.ts'
import type { WebhookContext } from './webhook-context.ts'

/** An attempt that has ended. */
type EndedAttempt = {
  delivery: ClaimedDelivery
  /** Where it was sent; null if nothing was. */
  url: string | null
  result: AttemptResult
  /** Whether another would come to the same. */
  isLast?: boolean
}

/** Group commit in which attempts that end together share a transaction. */
export type AttemptGroup = GroupCommit<EndedAttempt, undefined>

/** Attempts of one transaction: some 10 ms. */
const ATTEMPTS_BATCH_MAX = 500
/** All calls that may be in flight, twice: never reached. */
const ATTEMPTS_WAITING_MAX = 10_000

/** Makes the group of attempts: those that end during a commit share the next one. */
export function createAttemptGroup(context: WebhookContext, observer: GroupObserver): AttemptGroup {
  const settle = async (ended: EndedAttempt[]) => {
    await settleAttempts(context, ended)
    return ended.map(() => undefined)
  }
  return new GroupCommit(settle, {
    batchSizeMax: ATTEMPTS_BATCH_MAX,
    waitingMax: ATTEMPTS_WAITING_MAX,
    ...observer,
  })
}

/** An attempt with what follows from it. */
type Judged = EndedAttempt & { outcome: AttemptOutcome; retryDelayMs: number | null }

/**
 * Writes the results of attempts. Disables a webhook whose receiver is gone, or that has failed for too long. An attempt that another has
 * overtaken changes nothing, so a repeat does nothing. The sender that made them enqueues its next job when it ends.
 */
async function settleAttempts(context: WebhookContext, ended: readonly EndedAttempt[]): Promise<void> {
  const news = await inTransaction(context, 'settle-attempts', async (tx) => {
    const webhookIds = [...new Set(ended.map(({ delivery }) => delivery.webhookId))]
    // by one clock: those of the processes may be apart
    const [webhooks, at] = await Promise.all([lockWebhooks(tx, webhookIds), readClock(tx)])
    const urlOf = new Map(webhooks.map(({ id, url }) => [id, url]))
    const judged = ended.map((one) => judge(one, urlOf.get(one.delivery.webhookId), context.random()))
    const written = await writeAttempts(tx, judged.map(asWritten))
    const settled = judged.filter(({ delivery }) => written.has(delivery.id))
    const settledOf = Map.groupBy(settled, ({ delivery }) => delivery.webhookId)
    const changed = webhooks.flatMap(
      (webhook) => changeOf(webhook, settledOf.get(webhook.id) ?? [], at) ?? [],
    )
    for (const webhook of changed) await writeWebhook(tx, webhook, hasOrderEvents(webhook.events))
    const beforeOf = new Map(webhooks.map((webhook) => [webhook.id, webhook]))
    return [
      ...settled.map(newsOf),
      ...changed.map((webhook) =>
        newsOfChange(beforeOf.get(webhook.id)!, webhook, settledOf.get(webhook.id)!, at),
      ),
    ]
  })
  if (news.length > 0) context.onWebhooks(news)
}

/** @param webhookUrl the webhook's present URL: what is gone at another one is tried again there */
function judge(ended: EndedAttempt, webhookUrl: string | undefined, random: number): Judged {
  const { delivery, url, result, isLast = false } = ended
  const answer = outcomeOf(result)
  const outcome = answer === 'gone' && url !== webhookUrl ? 'failed' : answer
  const isRetried = outcome === 'failed' && !isLast
  const delayMs = isRetried ? retryDelayMs(delivery.attempts + 1, result, random) : null
  return { ...ended, outcome, retryDelayMs: delayMs }
}

function asWritten({ delivery: { id, attempts }, result, outcome, retryDelayMs }: Judged) {
  const { responseStatus, responseBody, error, durationMs } = result
  const isDelivered = outcome === 'delivered'
  return { id, attempts, responseStatus, responseBody, error, durationMs, isDelivered, retryDelayMs }
}

/**
 * @param settled attempts of the webhook. Only those that went to its present URL say anything of it
 * @returns undefined if they change nothing of the webhook
 */
function changeOf(webhook: Webhook, settled: readonly Judged[], at: Date): Webhook | undefined {
  const ended = settled.filter(({ url }) => url === webhook.url)
  if (ended.length === 0) return undefined
  const { failingSince, status } = webhook
  const isGone = ended.some(({ outcome }) => outcome === 'gone')
  if (isGone && status !== 'DISABLED') return disable(webhook, 'The receiver answered 410 Gone', at)
  if (ended.some(({ outcome }) => outcome === 'delivered')) {
    return failingSince === null ? undefined : { ...webhook, failingSince: null }
  }
  if (failingSince === null) return { ...webhook, failingSince: at }
  if (status === 'DISABLED' || at.getTime() - failingSince.getTime() < FAILING_MAX_MS) return undefined
  return disable(webhook, `${FAILED_TOO_LONG}; the last attempt: ${describeLast(ended)}`, at)
}

function describeLast(ended: readonly Judged[]): string {
  const { responseStatus, error } = ended.at(-1)!.result
  return responseStatus === null ? error! : `HTTP ${responseStatus}`
}

function disable(webhook: Webhook, disabledReason: string, at: Date): Webhook {
  return { ...webhook, status: 'DISABLED', disabledReason, failingSince: webhook.failingSince ?? at }
}

function newsOf({ delivery, result, outcome, retryDelayMs }: Judged): WebhookNews {
  const { webhookId, eventId, eventType, attempts } = delivery
  const isGivenUp = outcome !== 'delivered' && retryDelayMs === null
  return {
    kind: 'attempted',
    webhookId,
    eventId,
    eventType,
    attempt: attempts + 1,
    outcome,
    isGivenUp,
    result,
  }
}

function newsOfChange(before: Webhook, after: Webhook, ended: readonly Judged[], at: Date): WebhookNews {
  const of = { webhookId: after.id, host: new URL(after.url).host }
  if (after.status !== before.status) return { kind: 'disabled', ...of, reason: after.disabledReason! }
  if (after.failingSince !== null) return { kind: 'failing', ...of, reason: describeLast(ended) }
  return { kind: 'recovered', ...of, failedForMs: at.getTime() - before.failingSince!.getTime() }
}
