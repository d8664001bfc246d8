import type { Order } from '../domain/orders/order.ts'
import { endsWatching } from '../domain/orders/order-status.ts'
import { type DropReason, dropReasonOf, type WatchTally } from './watch-tally.ts'

/**
 * One view of an order. It keeps only the newest state that the client has not seen, so a slow client costs the memory of one
 * order. Versions rise strictly; a client that is slower than the changes skips versions.
 *
 * An iterator and not a generator, because a generator that waits cannot be stopped.
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

  /** The newest version that was offered, delivered or not. */
  get version(): number {
    return this.#version
  }

  /** Whether everything was delivered, and nothing more will come. */
  get isOver(): boolean {
    return this.#isEnding && !this.#newest && !this.#failure
  }

  /** Queues a state for delivery, unless the watcher has that version or a newer one. */
  offer(order: Order): void {
    if (this.#isEnding || order.version <= this.#version) return
    this.#version = order.version
    if (order.version > this.#afterVersion) {
      if (this.#newest) this.#tally.coalesced++
      this.#newest = order
    }
    // also if the client claims a version that does not exist yet: it would wait for ever
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

  /** Ends the view with an error, after the last delivery. The client then knows that the order has not ended. */
  fail(error: Error): void {
    if (this.#isEnding) return
    this.#failure = error
    this.#tally.dropped[dropReasonOf(error)]++
    this.#end()
    this.#flush()
  }

  /** Ends the view of a client that was cut off. */
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
        // counts a view once, by the first error
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
