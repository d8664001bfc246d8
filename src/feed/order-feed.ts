import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { validate as isUuid } from 'uuid'
import { callAt } from '../call-at.ts'
import { assertMayWatch, noSuchOrder, tokenExpired } from '../domain/authorisation.ts'
import type { Caller } from '../domain/caller.ts'
import { CallError } from '../domain/errors.ts'
import type { Order } from '../domain/orders/order.ts'
import type { RequestOrigin } from '../domain/origin.ts'
import { decodeNotices, ORDER_CHANNEL } from '../sql/orders/notify-watchers.ts'
import { ChannelListener } from './channel-listener.ts'
import { OrderWatcher } from './order-watcher.ts'
import { createWatchTally, isDropReason, type WatchTally, type WatchTransport } from './watch-tally.ts'

/** A database that restarts takes about this long at the least. */
const REREAD_DELAY_MS = 500

export type FeedTracing = {
  /**
   * Another process has moved an order, as it was asked to in this span: it is going to be delivered here.
   *
   * @param heardAtMs when this process was told, before it read the order
   */
  onHeard(order: Order, traceparent: string | undefined, heardAtMs: number): void
  /** An order was handed to somebody who watches it. */
  onDelivery(order: Order): void
}

/** Reads an order, together with whatever else is to be read at this moment. */
type OrderReader = { submit: (id: string) => Promise<Order | undefined> }

export type OrderFeedOptions = {
  databaseUrl: string
  findOrder: OrderReader
  /** Hears that the server which it listens to is of no more use. */
  onServerLost: (error: unknown) => void
  logger: Logger
  tracing?: FeedTracing | undefined
}

/**
 * Tells watchers of orders what changes, whichever process changed it. Of its own changes this process tells at their
 * commit; those of others it hears by NOTIFY, and reads once for all its watchers.
 */
export class OrderFeed {
  /** What became of the views that went to clients. */
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
      onNotification: (payload) => void this.#hear(payload),
      onGap: () => void this.#refresh([...this.#watchers.keys()].map((id) => ({ id }))),
    })
  }

  /** Resolves once changes are heard. Nobody may watch before: a change could pass unseen. */
  async start(): Promise<void> {
    await this.#listener.start()
  }

  /**
   * Ends every watcher's view with an error that tells clients to come back: no order has ended by it. Whoever comes
   * later is told the same.
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
   * Watches an order: its state as it stands unless `afterVersion` covers it, then every change, newest version last.
   * Ends once the order is FAILED, and with an error once the caller's token expires.
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
    // first listen, then read: a change between the two is heard, and its version tells which is newer
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

  /** Tells watchers what this process has committed: they need not wait until it is heard and read. */
  tell(orders: readonly Order[]): void {
    if (this.#watchers.size === 0) return
    for (const order of orders) for (const watcher of this.#watchers.get(order.id) ?? []) watcher.offer(order)
  }

  async #hear(payload: string): Promise<void> {
    // a worker that has no watchers hears of thousands of orders a second
    if (this.#watchers.size === 0) return
    const news = decodeNotices(payload).filter(({ id, version }) => {
      for (const watcher of this.#watchers.get(id) ?? []) if (watcher.version < version) return true
      return false
    })
    await this.#refresh(news)
  }

  /** Reads orders until it succeeds: what was heard once is not heard again. */
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
  return new CallError('UNAVAILABLE', 'The server is going away. Watch again, after the version you have')
}
