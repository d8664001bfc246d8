import type { WakeUp } from '../../database/wake-up.ts'
import {
  OUTBOX_PACE_MS,
  OUTBOX_REST_MS,
  STREAM_WAIT_MAX_MS,
  STREAM_WAIT_MIN_MS,
  WEBHOOK_PENDING_MAX,
} from '../../limits.ts'
import { awaitFinalEnd, OUTBOX } from '../../sql/stock/ledger/final-end.ts'
import { findFull, readOutboxState } from '../../sql/webhooks/webhooks.ts'
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
const BUSY_REST_MS = 50
/** How often pending deliveries are counted. Until then a webhook goes on reading: some thousands more than the limit. */
const FULL_LOOK_MS = 5_000

/**
 * Writes the deliveries of webhooks as events happen, until the signal. Reads the outbox only up to where it is final: until every
 * transaction is over that may have drawn a number of it (docs/decisions/0017-webhooks-read-the-outbox.md).
 *
 * @param onWebhooks called at each look that finds a webhook, paused ones too
 */
export async function keepWritingDeliveries(
  context: WebhookContext,
  { commits, webhookChanges }: OutboxSignals,
  signal: AbortSignal,
  onWebhooks: () => Promise<void>,
): Promise<void> {
  const { pool } = context
  let full: string[] = []
  let isFullKnownUntilMs = 0
  while (!signal.aborted) {
    try {
      if (performance.now() > isFullKnownUntilMs) {
        full = await findFull(pool, WEBHOOK_PENDING_MAX)
        isFullKnownUntilMs = performance.now() + FULL_LOOK_MS
      }
      const { isAny, isAnyActive, isAnyBehind } = await readOutboxState(pool, full)
      if (isAny) await onWebhooks()
      if (!isAnyActive) {
        await webhookChanges.wait(NO_WEBHOOKS_REST_MS, signal)
        continue
      }
      const end = isAnyBehind ? await awaitFinalEnd(pool, OUTBOX, patience(signal)) : undefined
      const written = end === undefined ? undefined : await writeDeliveries(context, end, full)
      if (written?.isMore) continue
      await pause(OUTBOX_PACE_MS, signal)
      await commits.wait(written?.isAnyBusy ? BUSY_REST_MS : OUTBOX_REST_MS, signal)
    } catch (error) {
      if (signal.aborted) return
      context.logger.warn({ err: error }, 'events for webhooks not read, retrying')
      await pause(OUTBOX_REST_MS, signal)
    }
  }
}

/** Waits between the looks at the locks, ever longer, until this process stops. */
function patience(signal: AbortSignal): () => Promise<boolean> {
  let delayMs = STREAM_WAIT_MIN_MS
  return async () => {
    await pause(delayMs, signal)
    delayMs = Math.min(2 * delayMs, STREAM_WAIT_MAX_MS)
    return !signal.aborted
  }
}
