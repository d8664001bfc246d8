import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { validate as isUuid } from 'uuid'
import { callAt } from '../call-at.ts'
import { assertMayWatch, noSuchOrder, tokenExpired } from '../domain/authorisation.ts'
import type { Caller } from '../domain/caller.ts'
import { CallError } from '../domain/errors.ts'
import type { Order } from '../domain/orders/order.ts'
import type { RequestOrigin } from '../domain/origin.ts'
import { decodeNotices, ORDER_CHANNEL, WEBHOOKS_CHANGED } from '../sql/orders/notify-watchers.ts'
import { ChannelListener } from './channel-listener.ts'
import { OrderWatcher } from './order-watcher.ts'
import { createWatchTally, isDropReason, type WatchTally, type WatchTransport } from './watch-tally.ts'

/** A restarting database takes at least about this long. */
const REREAD_DELAY_MS = 500

export type FeedTracing = {
  /**
   * Another process, in the span `traceparent`, has changed an order that is watched here.
   *
   * @param heardAtMs when the notification arrived, before this process read the order
   */
  onHeard(order: Order, traceparent: string | undefined, heardAtMs: number): void
  /** An order was delivered to a watcher. */
  onDelivery(order: Order): void
}

/** Reads an order, in one statement with the other reads of this moment. */
type OrderReader = { submit: (id: string) => Promise<Order | undefined> }

export type OrderFeedOptions = {
  databaseUrl: string
  findOrder: OrderReader
  /**
   * Called when another transaction has been committed, in this process or another, or may have been.
   *
   * @param mayBeOfWebhooks whether it may have changed webhooks
   */
  onCommit: (mayBeOfWebhooks: boolean) => void
  /** Called when the database server is silent or read-only. */
  onServerLost: (error: unknown) => void
  logger: Logger
  tracing?: FeedTracing | undefined
}

/**
 * Delivers changes of orders to this process' watchers, whichever process made them. Changes of this process come by `tell`
 * at their commit. Changes of others come by NOTIFY, and are read once for all watchers.
 */
export class OrderFeed {
  /** Counts of views and deliveries to clients. */
  readonly tallies: Readonly<Record<WatchTransport, WatchTally>> = {
    sse: createWatchTally(),
    websocket: createWatchTally(),
  }
  readonly #watchers = new Map<string, Set<OrderWatcher>>()
  readonly #listener: ChannelListener
  readonly #options: OrderFeedOptions
  #isClosed = false

  constructor(options: OrderFeedOptions) {
    this.#options = options
    this.#listener = new ChannelListener({
      ...options,
      channel: ORDER_CHANNEL,
      onNotification: (payload) => {
        options.onCommit(payload === WEBHOOKS_CHANGED)
        void this.#hear(payload)
      },
      onGap: () => {
        options.onCommit(true)
        void this.#refresh([...this.#watchers.keys()].map((id) => ({ id })))
      },
    })
  }

  /** Resolves once changes are heard. Nobody may watch before, or a change could be missed. */
  async start(): Promise<void> {
    await this.#listener.start()
  }

  /**
   * Ends every view with an error that tells clients to reconnect: their orders have not ended. Later calls of `watch` get the
   * same error.
   */
  failViews(): void {
    this.#isClosed = true
    for (const watcher of [...this.#watchers.values()].flatMap((set) => [...set])) watcher.fail(goingAway())
  }

  async stop(): Promise<void> {
    this.failViews()
    await this.#listener.stop()
  }

  isListening(): boolean {
    return this.#listener.isListening()
  }

  get watcherCount(): number {
    let count = 0
    for (const set of this.#watchers.values()) count += set.size
    return count
  }

  /**
   * Watches an order: first its current state, unless that is `afterVersion` or older, then every change. Ends once the order is
   * FAILED, CANCELLED or EXPIRED, and with an error once the caller's token expires.
   *
   * @param id as the caller sent it, not necessarily a UUID
   * @param afterVersion the version that the caller has seen, 0 for none
   * @param transport what carries the view to a client; undefined for one that stays in this process, and is not counted
   * @param disconnected ends the view, which nobody else does where the client hung up before it began; its reason is a DropReason
   * where the client was cut off
   * @throws {CallError} NOT_FOUND when there is no such order for the caller, UNAVAILABLE once views have been ended
   */
  async watch(
    caller: Caller,
    id: string,
    afterVersion: number,
    transport?: WatchTransport,
    disconnected?: AbortSignal,
  ): Promise<OrderWatcher> {
    if (!isUuid(id)) throw new CallError('NOT_FOUND', 'There is no order with this id')
    const orderId = id.toLowerCase()
    if (this.#isClosed) throw goingAway()
    const watcher = new OrderWatcher(
      orderId,
      afterVersion,
      (order) => assertMayWatch(caller, order, Date.now()),
      (watcher) => {
        forgetExpiry()
        disconnected?.removeEventListener('abort', leave)
        this.#remove(watcher)
      },
      transport ? this.tallies[transport] : createWatchTally(),
      this.#options.tracing?.onDelivery,
    )
    const forgetExpiry = callAt(caller.expiresAt, () => watcher.fail(tokenExpired()))
    const leave = () =>
      isDropReason(disconnected?.reason) ? watcher.drop(disconnected.reason) : void watcher.return()
    disconnected?.addEventListener('abort', leave)
    // listen first, then read: a change between the two is heard, and versions tell which is newer
    this.#add(watcher)
    try {
      const order = await this.#options.findOrder.submit(orderId)
      if (!order) throw noSuchOrder(orderId)
      assertMayWatch(caller, order, Date.now())
      watcher.offer(order)
      if (disconnected?.aborted) leave()
      return watcher
    } catch (error) {
      await watcher.return()
      throw error
    }
  }

  /** Delivers what this process has committed, without waiting for the notification and a read. */
  tell(orders: readonly Order[]): void {
    if (this.#watchers.size === 0) return
    for (const order of orders) for (const watcher of this.#watchers.get(order.id) ?? []) watcher.offer(order)
  }

  async #hear(payload: string): Promise<void> {
    // a worker without watchers hears of thousands of orders a second
    if (this.#watchers.size === 0) return
    const news = decodeNotices(payload).filter(({ id, version }) => {
      for (const watcher of this.#watchers.get(id) ?? []) if (watcher.version < version) return true
      return false
    })
    await this.#refresh(news)
  }

  /** Reads orders and delivers them. Retries until it succeeds, because a notification comes only once. */
  async #refresh(notices: readonly (Pick<Order, 'id'> & RequestOrigin)[]): Promise<void> {
    const { findOrder, tracing, logger } = this.#options
    const heardAtMs = Date.now()
    await Promise.all(
      notices.map(async ({ id, traceparent }) => {
        while (this.#watchers.has(id)) {
          try {
            const order = await findOrder.submit(id)
            if (order) {
              tracing?.onHeard(order, traceparent, heardAtMs)
              this.tell([order])
            }
            return
          } catch (error) {
            logger.warn({ err: error, orderId: id }, 'watched order not read, retrying')
            await sleep(REREAD_DELAY_MS, undefined, { ref: false })
          }
        }
      }),
    )
  }

  #add(watcher: OrderWatcher): void {
    const set = this.#watchers.get(watcher.orderId)
    if (set) set.add(watcher)
    else this.#watchers.set(watcher.orderId, new Set([watcher]))
  }

  #remove(watcher: OrderWatcher): void {
    const set = this.#watchers.get(watcher.orderId)
    set?.delete(watcher)
    if (set?.size === 0) this.#watchers.delete(watcher.orderId)
  }
}

function goingAway(): CallError {
  return new CallError('UNAVAILABLE', 'The server is stopping. Subscribe again, with afterVersion')
}
