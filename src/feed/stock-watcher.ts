import type { InventoryChange } from '../domain/stock/thresholds.ts'
import { STREAM_BACKLOG_MAX, STREAM_PAGE_SIZE } from '../limits.ts'
import type { StreamPlace } from '../sql/stock/ledger/read-changes.ts'
import { placeOf } from './stock-cursor.ts'
import { type DropReason, dropReasonOf, type WatchTally } from './watch-tally.ts'

/** What a watcher needs of the feed. */
export type StockWatcherOptions = {
  /** The place up to which the client has seen the stream: what comes after it is delivered. */
  after: StreamPlace
  /** Whether the client wants a change. */
  isWanted: (change: InventoryChange) => boolean
  /** Called at each delivery. What it throws ends the view instead. */
  authorise: () => void
  /** The ledger is final up to here. */
  endOf: () => bigint
  /**
   * Reads a page of what comes after a position, up to the end.
   *
   * @returns undefined if it could not be read before the view ended
   */
  read: (after: bigint) => Promise<{ changes: readonly InventoryChange[]; to: bigint } | undefined>
  /** Makes the error for a client that is too slow. */
  tooSlow: (delivered: StreamPlace) => Error
  onClose: (watcher: StockWatcher) => void
  tally: WatchTally
}

/**
 * One view of the changes of stock. Returns all that wait for the client at once, up to a page. Far from the end it reads its own
 * pages, each once the client has taken the one before. At the end the feed offers it what it reads for all views, and ends it
 * if the client falls more than STREAM_BACKLOG_MAX changes behind.
 *
 * An iterator and not a generator, because a generator that waits cannot be stopped.
 */
export class StockWatcher implements AsyncIterableIterator<readonly InventoryChange[], undefined> {
  readonly #options: StockWatcherOptions
  /** The view has read everything up to here. */
  #position: bigint
  /** The place of the last change that was delivered. */
  #delivered: StreamPlace
  #waiting: InventoryChange[] = []
  #isReading = false
  #failure: Error | undefined
  #pull: PromiseWithResolvers<IteratorResult<readonly InventoryChange[], undefined>> | undefined
  #isEnding = false

  constructor(options: StockWatcherOptions) {
    this.#options = options
    this.#position = options.after.position
    this.#delivered = options.after
    options.tally.open++
  }

  get isEnding(): boolean {
    return this.#isEnding
  }

  /** Offers the changes between two positions. A view that stands at the first takes them. */
  offer(changes: readonly InventoryChange[], from: bigint, to: bigint): void {
    if (this.#isEnding) return
    if (this.#position === from) this.#take(changes, to)
    this.#flush()
  }

  async next(): Promise<IteratorResult<readonly InventoryChange[], undefined>> {
    this.#pull?.resolve({ done: true, value: undefined })
    const pull = Promise.withResolvers<IteratorResult<readonly InventoryChange[], undefined>>()
    this.#pull = pull
    this.#flush()
    return pull.promise
  }

  /** Ends the view with an error, and drops what waits for the client: it resumes after its cursor. */
  fail(error: Error, reason: DropReason = dropReasonOf(error)): void {
    if (this.#isEnding) return
    this.#failure = error
    this.#options.tally.dropped[reason]++
    this.#end()
    this.#flush()
  }

  /** Ends the view of a client that was cut off. */
  drop(reason: DropReason): void {
    if (!this.#isEnding) this.#options.tally.dropped[reason]++
    void this.return()
  }

  async return(): Promise<IteratorResult<readonly InventoryChange[], undefined>> {
    this.#failure = undefined
    this.#end()
    this.#flush()
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #take(changes: readonly InventoryChange[], to: bigint): void {
    this.#position = to
    for (const change of changes) if (this.#options.isWanted(change)) this.#waiting.push(change)
    if (this.#waiting.length > STREAM_BACKLOG_MAX) {
      this.fail(this.#options.tooSlow(this.#delivered), 'slow-client')
    }
  }

  #end(): void {
    if (this.#isEnding) return
    this.#isEnding = true
    this.#waiting = []
    this.#options.tally.open--
    this.#options.onClose(this)
  }

  #flush(): void {
    const pull = this.#pull
    if (!pull) return
    if (this.#waiting.length > 0) {
      this.#pull = undefined
      this.#deliver(this.#waiting.splice(0, STREAM_PAGE_SIZE), pull)
    } else if (this.#failure) {
      const error = this.#failure
      this.#failure = undefined
      this.#pull = undefined
      pull.reject(error)
    } else if (this.#isEnding) {
      this.#pull = undefined
      pull.resolve({ done: true, value: undefined })
    } else if (!this.#isReading && this.#position < this.#options.endOf()) {
      void this.#catchUp()
    }
  }

  #deliver(
    value: readonly InventoryChange[],
    pull: PromiseWithResolvers<IteratorResult<readonly InventoryChange[]>>,
  ): void {
    try {
      this.#options.authorise()
    } catch (refusal) {
      this.#options.tally.dropped[dropReasonOf(refusal)]++
      this.#end()
      pull.reject(refusal)
      return
    }
    this.#delivered = placeOf(value.at(-1)!)
    this.#options.tally.deliveries += value.length
    pull.resolve({ done: false, value })
  }

  /** Reads pages until one has something for the client, or the end is reached. */
  async #catchUp(): Promise<void> {
    this.#isReading = true
    const page = await this.#options.read(this.#position)
    this.#isReading = false
    if (!page || this.#isEnding) return
    this.#take(page.changes, page.to)
    this.#flush()
  }
}

/**
 * The changes of a view, one at a time.
 *
 * @param onNext called with each change before it is handed on
 */
export function eachOf(
  watcher: StockWatcher,
  onNext?: (change: InventoryChange) => void,
): AsyncIterableIterator<InventoryChange, undefined> {
  let batch: readonly InventoryChange[] = []
  let index = 0
  return {
    async next() {
      if (index === batch.length) {
        const { value } = await watcher.next()
        if (!value) return { done: true, value: undefined }
        batch = value
        index = 0
      }
      const change = batch[index++]!
      onNext?.(change)
      return { done: false, value: change }
    },
    async return() {
      batch = []
      index = 0
      await watcher.return()
      return { done: true, value: undefined }
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}
