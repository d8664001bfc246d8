import { setTimeout as sleep } from 'node:timers/promises'
import type { AttemptResult } from '../../domain/webhooks/delivery-policy.ts'
import {
  SENDING_TIME_MAX_MS,
  WEBHOOK_CALLS_MAX,
  WEBHOOK_FAILING_CALLS_MAX,
  WEBHOOK_PACE_MS,
} from '../../limits.ts'
import type { ClaimedDelivery, DueCounts, DueKind } from '../../sql/webhooks/deliveries.ts'
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

const DUE_KINDS = ['first', 'retry'] as const satisfies readonly DueKind[]

/** Slots of calls of one kind. */
type Lane = {
  readonly calls: Set<Promise<void>>
  /** Something of this kind may be due that was not claimed. */
  mayHaveMore: boolean
}

/**
 * Sends what is due of one webhook, several calls at a time, until nothing is. Each call has its slot, and what ends makes room
 * for what is due next. First attempts and retries have slots of their own: new events never wait for those that fail.
 */
export class WebhookSender {
  readonly #options: WebhookSenderOptions
  readonly #lanes: Record<DueKind, Lane> = {
    first: { calls: new Set(), mayHaveMore: true },
    retry: { calls: new Set(), mayHaveMore: true },
  }
  readonly #endsAtMs = performance.now() + SENDING_TIME_MAX_MS
  /** Not known before the first look, which takes few. */
  #isFailing = true
  #isUnreadable = false
  #error: unknown
  #change = Promise.withResolvers<void>()

  constructor(options: WebhookSenderOptions) {
    this.#options = options
  }

  /** Something is due. */
  wake(): void {
    for (const lane of this.#all) lane.mayHaveMore = true
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
      const room = { first: this.#roomOf('first'), retry: this.#roomOf('retry') }
      // a claim for one kind asks for the other too: what has become due since has no other sign
      const isWorthIt = DUE_KINDS.some((kind) => room[kind] > 0 && this.#lanes[kind].mayHaveMore)
      if (isWorthIt && !this.#isEnding) await this.#sendNext(room)
      else if (this.#all.some(({ calls }) => calls.size > 0)) await this.#untilChange()
      else break
    }
    this.#options.onEnd()
    if (this.#error !== undefined) throw this.#error
    return this.#isUnreadable
  }

  get #all(): Lane[] {
    return Object.values(this.#lanes)
  }

  /** How many calls of a kind may begin now. */
  #roomOf(kind: DueKind): number {
    const callsMax = (this.#isFailing ? WEBHOOK_FAILING_CALLS_MAX : WEBHOOK_CALLS_MAX)[kind]
    return Math.max(0, callsMax - this.#lanes[kind].calls.size)
  }

  get #isEnding(): boolean {
    return this.#error !== undefined || this.#options.stopping.aborted || performance.now() > this.#endsAtMs
  }

  async #untilChange(): Promise<void> {
    await this.#change.promise
    this.#change = Promise.withResolvers()
  }

  async #sendNext(sizeMax: DueCounts): Promise<void> {
    const { app, webhookId } = this.#options
    for (const kind of DUE_KINDS) if (sizeMax[kind] > 0) this.#lanes[kind].mayHaveMore = false
    try {
      const claim = await claimDeliveries(app, webhookId, sizeMax)
      if (!claim) return
      this.#isUnreadable = claim.keys.length === 0
      if (this.#isUnreadable) app.onWebhooks([{ kind: 'secrets-unreadable', webhookIds: [webhookId] }])
      this.#isFailing = claim.isFailing
      const claimed = Map.groupBy(claim.deliveries, ({ delivery }) => kindOf(delivery))
      for (const kind of DUE_KINDS) {
        const lane = this.#lanes[kind]
        const deliveries = claimed.get(kind) ?? []
        // as many as there was room for: there may be more
        if (sizeMax[kind] > 0 && deliveries.length === sizeMax[kind]) lane.mayHaveMore = true
        for (const delivery of deliveries) this.#begin(lane, claim, delivery)
      }
      if (this.#all.some(({ mayHaveMore }) => mayHaveMore)) await sleep(WEBHOOK_PACE_MS)
    } catch (error) {
      this.#error ??= error
    }
  }

  #begin({ calls }: Lane, claim: Claim, delivery: Claim['deliveries'][number]): void {
    const sent = this.#send(claim, delivery)
      .catch((error) => {
        this.#error ??= error
      })
      .finally(() => {
        calls.delete(sent)
        this.#change.resolve()
      })
    calls.add(sent)
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

function kindOf({ attempts }: ClaimedDelivery): DueKind {
  return attempts === 0 ? 'first' : 'retry'
}

function notSent(reason: string): AttemptResult {
  const error = `not sent: ${reason}`.slice(0, NOT_SENT_LENGTH_MAX)
  return { responseStatus: null, responseBody: null, error, durationMs: 0, retryAfterMs: null }
}
