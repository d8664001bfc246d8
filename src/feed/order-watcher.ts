import type { Order } from '../domain/orders/order.ts'
import { endsWatching } from '../domain/orders/order-status.ts'
import { type DropReason, dropReasonOf, type WatchTally } from './watch-tally.ts'

/**
 * What one watcher of an order has yet to see: the newest state alone, so that a slow client costs one order of memory.
 * Versions rise strictly; those between are skipped when the client is slower than the changes.
 *
 * An iterator by hand and not a generator: a generator that waits cannot be told to stop.
 */
export class OrderWatcher implements AsyncIterableIterator<Order, undefined> {
  readonly orderId: string
  readonly #afterVersion: number
  readonly #authorise: (order: Order) => void
  readonly #onClose: (watcher: OrderWatcher) => void
  readonly #tally: WatchTally
  readonly #onDelivery: ((order: Order) => void) | undefined
  #version = 0
  #newest: Order | undefined
  #failure: Error | undefined
  #pull: PromiseWithResolvers<IteratorResult<Order, undefined>> | undefined
  #isEnding = false

  /**
   * @param afterVersion the version that the client has seen, 0 for none
   * @param authorise asked at each delivery: what it throws ends the view in its place
   */
  constructor(
    orderId: string,
    afterVersion: number,
    authorise: (order: Order) => void,
    onClose: (watcher: OrderWatcher) => void,
    tally: WatchTally,
    onDelivery?: (order: Order) => void,
  ) {
    this.orderId = orderId
    this.#afterVersion = afterVersion
    this.#authorise = authorise
    this.#onClose = onClose
    this.#tally = tally
    tally.open++
    this.#onDelivery = onDelivery
  }

  /** The newest version that it was offered, whether or not it was to see it. */
  get version(): number {
    return this.#version
  }

  /** Whether there is nothing left to see, and nothing more to come. */
  get isOver(): boolean {
    return this.#isEnding && !this.#newest && !this.#failure
  }

  /** Gives the watcher a state to see, unless it knows that or a newer one. */
  offer(order: Order): void {
    if (this.#isEnding || order.version <= this.#version) return
    this.#version = order.version
    if (order.version > this.#afterVersion) {
      if (this.#newest) this.#tally.coalesced++
      this.#newest = order
    }
    // also where the client claims to have seen more than there is: it would wait for ever
    if (endsWatching(order.status)) this.#end()
    this.#flush()
  }

  async next(): Promise<IteratorResult<Order, undefined>> {
    this.#pull?.resolve({ done: true, value: undefined })
    const pull = Promise.withResolvers<IteratorResult<Order, undefined>>()
    this.#pull = pull
    this.#flush()
    return pull.promise
  }

  /** Ends the view with an error, after what there is to see: the client learns that more may follow elsewhere. */
  fail(error: Error): void {
    if (this.#isEnding) return
    this.#failure = error
    this.#tally.dropped[dropReasonOf(error)]++
    this.#end()
    this.#flush()
  }

  /** Ends the view of a client that is cut off, and that nothing can be told any more. */
  drop(reason: DropReason): void {
    if (!this.#isEnding) this.#tally.dropped[reason]++
    void this.return()
  }

  async return(): Promise<IteratorResult<Order, undefined>> {
    this.#newest = undefined
    this.#failure = undefined
    this.#end()
    this.#flush()
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #end(): void {
    if (this.#isEnding) return
    this.#isEnding = true
    this.#tally.open--
    this.#onClose(this)
  }

  #flush(): void {
    if (!this.#pull) return
    const pull = this.#pull
    if (this.#newest) {
      const value = this.#newest
      this.#newest = undefined
      this.#pull = undefined
      try {
        this.#authorise(value)
      } catch (refusal) {
        // once a view, whichever error comes first
        if (!this.#failure) this.#tally.dropped[dropReasonOf(refusal)]++
        this.#failure = undefined
        this.#end()
        pull.reject(refusal)
        return
      }
      this.#tally.deliveries++
      this.#onDelivery?.(value)
      pull.resolve({ done: false, value })
    } else if (this.#failure) {
      const error = this.#failure
      this.#failure = undefined
      this.#pull = undefined
      pull.reject(error)
    } else if (this.#isEnding) {
      this.#pull = undefined
      pull.resolve({ done: true, value: undefined })
    }
  }
}
