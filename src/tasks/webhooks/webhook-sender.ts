import { setTimeout as sleep } from 'node:timers/promises'
import type { AttemptResult } from '../../domain/webhooks/delivery-policy.ts'
import {
  SENDING_TIME_MAX_MS,
  WEBHOOK_CALLS_MAX,
  WEBHOOK_FAILING_CALLS_MAX,
  WEBHOOK_PACE_MS,
} from '../../limits.ts'
import { type Claim, claimDeliveries } from '../../use-cases/webhooks/claim-deliveries.ts'
import type { AttemptGroup } from '../../use-cases/webhooks/settle-attempts.ts'
import type { WebhookContext } from '../../use-cases/webhooks/webhook-context.ts'
import type { WebhookClient } from '../../webhooks/webhook-client.ts'
import { payloadOf } from './payload-of.ts'

/** As of the errors of calls. zod names each field that is wrong. */
const NOT_SENT_LENGTH_MAX = 300

type WebhookSenderApp = WebhookContext & { groups: { settleAttempt: AttemptGroup } }

export type WebhookSenderOptions = {
  app: WebhookSenderApp
  client: WebhookClient
  webhookId: string
  /** Aborts when this process stops: then nothing more is begun. */
  stopping: AbortSignal
  /** Called in the moment in which it ends: who wakes it later wakes nobody. */
  onEnd: () => void
}

/**
 * Sends what is due of one webhook, several calls at a time, until nothing is. Each call has its place, and what ends makes room
 * for what is due next: so nothing waits behind a call that hangs, as long as there are others.
 */
export class WebhookSender {
  readonly #options: WebhookSenderOptions
  readonly #calls = new Set<Promise<void>>()
  readonly #endsAtMs = performance.now() + SENDING_TIME_MAX_MS
  /** Something may be due that was not claimed. */
  #isStale = true
  #isFailing = false
  #isUnreadable = false
  #error: unknown
  #change = Promise.withResolvers<void>()

  constructor(options: WebhookSenderOptions) {
    this.#options = options
  }

  /** Something is due. */
  wake(): void {
    this.#isStale = true
    this.#change.resolve()
  }

  /**
   * Sends until nothing is due and no call is in flight.
   *
   * @returns whether this process cannot sign for the webhook
   * @throws what the database threw; then what it had claimed is due again after a while
   */
  async run(): Promise<boolean> {
    for (;;) {
      if (this.#isStale && this.#room > 0 && !this.#isEnding) await this.#sendNext()
      else if (this.#calls.size > 0) await this.#untilChange()
      else break
    }
    this.#options.onEnd()
    if (this.#error !== undefined) throw this.#error
    return this.#isUnreadable
  }

  get #room(): number {
    return (this.#isFailing ? WEBHOOK_FAILING_CALLS_MAX : WEBHOOK_CALLS_MAX) - this.#calls.size
  }

  get #isEnding(): boolean {
    return this.#error !== undefined || this.#options.stopping.aborted || performance.now() > this.#endsAtMs
  }

  async #untilChange(): Promise<void> {
    await this.#change.promise
    this.#change = Promise.withResolvers()
  }

  async #sendNext(): Promise<void> {
    const { app, webhookId } = this.#options
    this.#isStale = false
    const sizeMax = this.#room
    try {
      const claim = await claimDeliveries(app, webhookId, sizeMax)
      if (!claim) return
      this.#isUnreadable = claim.keys.length === 0
      if (this.#isUnreadable) app.onWebhooks([{ kind: 'secrets-unreadable', webhookIds: [webhookId] }])
      this.#isFailing = claim.isFailing
      if (claim.deliveries.length === sizeMax) this.#isStale = true
      for (const delivery of claim.deliveries) this.#begin(claim, delivery)
      if (this.#isStale) await sleep(WEBHOOK_PACE_MS)
    } catch (error) {
      this.#error ??= error
    }
  }

  #begin(claim: Claim, delivery: Claim['deliveries'][number]): void {
    const sent = this.#send(claim, delivery)
      .catch((error) => {
        this.#error ??= error
      })
      .finally(() => {
        this.#calls.delete(sent)
        this.#change.resolve()
      })
    this.#calls.add(sent)
  }

  async #send({ url, keys }: Claim, { delivery, data }: Claim['deliveries'][number]): Promise<void> {
    const { app, client, stopping } = this.#options
    const { settleAttempt } = app.groups
    if (!data) {
      const result = notSent('what it is about was deleted')
      return settleAttempt.submit({ delivery, url: null, result, isLast: true })
    }
    let body: string
    try {
      body = JSON.stringify(payloadOf(delivery, data))
    } catch (error) {
      const { id, webhookId, eventId } = delivery
      app.logger.error({ err: error, deliveryId: id, webhookId, eventId }, 'webhook payload not made')
      const result = notSent(`its payload cannot be made: ${(error as Error).message}`)
      return settleAttempt.submit({ delivery, url: null, result })
    }
    const result = await client.send({ url, id: delivery.eventId, body, keys })
    // cut off by the end of this process: it is due again when its claim ends, with as many attempts
    if (stopping.aborted && result.responseStatus === null) return
    await settleAttempt.submit({ delivery, url, result })
  }
}

function notSent(reason: string): AttemptResult {
  const error = `not sent: ${reason}`.slice(0, NOT_SENT_LENGTH_MAX)
  return { responseStatus: null, responseBody: null, error, durationMs: 0, retryAfterMs: null }
}
