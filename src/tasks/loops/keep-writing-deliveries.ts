import type { WakeUp } from '../../database/wake-up.ts'
import { OUTBOX_PACE_MS, OUTBOX_REST_MS, STREAM_WAIT_MAX_MS, STREAM_WAIT_MIN_MS } from '../../limits.ts'
import { awaitFinalEnd, readLedgerEnd } from '../../sql/stock/ledger/final-end.ts'
import { isAnyActive, isAnyBehind } from '../../sql/webhooks/webhooks.ts'
import type { WebhookContext } from '../../use-cases/webhooks/webhook-context.ts'
import { writeDeliveries } from '../../use-cases/webhooks/write-deliveries.ts'
import { pause } from './pause.ts'

/** What the loop is woken by. */
export type OutboxSignals = {
  /** Something was committed, in this process or another. */
  commits: WakeUp
  /** Webhooks may have been created or changed. */
  webhookChanges: WakeUp
}

/** Without webhooks the table is looked at this often, in case that a notification was lost. */
const NO_WEBHOOKS_REST_MS = 30_000
/** While a webhook has so much to send that it reads nothing more, it is looked at this often. */
const BEHIND_REST_MS = 50

/**
 * Writes the deliveries of webhooks as events happen, until the signal. Reads the outbox only up to where it is final: until every
 * transaction is over that may have drawn a number of it (docs/decisions/0017-webhooks-read-the-outbox.md).
 */
export async function keepWritingDeliveries(
  context: WebhookContext,
  { commits, webhookChanges }: OutboxSignals,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      if (!(await isAnyActive(context.pool))) {
        await webhookChanges.wait(NO_WEBHOOKS_REST_MS, signal)
        continue
      }
      const end = await findFinalEnd(context, signal)
      const isMore = end !== undefined && (await writeDeliveries(context, end))
      if (isMore) continue
      await pause(OUTBOX_PACE_MS, signal)
      const isBehind = end !== undefined && (await isAnyBehind(context.pool, end))
      await commits.wait(isBehind ? BEHIND_REST_MS : OUTBOX_REST_MS, signal)
    } catch (error) {
      if (signal.aborted) return
      context.logger.warn({ err: error }, 'events for webhooks not read, retrying')
      await pause(OUTBOX_REST_MS, signal)
    }
  }
}

/**
 * Waits until the outbox is final up to where it ends now.
 *
 * @returns that end; undefined where no webhook is behind it, or this process stops
 */
async function findFinalEnd({ pool }: WebhookContext, signal: AbortSignal): Promise<bigint | undefined> {
  if (!(await isAnyBehind(pool, await readLedgerEnd(pool)))) return undefined
  let delayMs = STREAM_WAIT_MIN_MS
  return awaitFinalEnd(pool, async () => {
    await pause(delayMs, signal)
    delayMs = Math.min(2 * delayMs, STREAM_WAIT_MAX_MS)
    return !signal.aborted
  })
}
