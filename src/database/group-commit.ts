import pg from 'pg'
import { isUndone } from './transaction.ts'
import { isUnavailable, QueueFullError } from './unavailable.ts'

/** Follows the items of a group commit through the commit that they share. */
export type GroupTracing = {
  /** Traces an item: its wait and its commit. */
  item<Result>(run: () => Promise<Result>): Promise<Result>
  /** Returns the trace context of the current item. */
  activeContext(): unknown
  /** Traces a commit for the items that share it. */
  commit<Result>(contexts: readonly unknown[], run: () => Promise<Result>): Promise<Result>
}

export type GroupObserver = {
  onBatch?: (run: BatchRun) => void
  tracing?: GroupTracing | undefined
}

export type GroupCommitOptions<Item> = GroupObserver & {
  /** The largest sum of item sizes in one commit. */
  batchSizeMax: number
  /** The size of an item, 1 by default. An item larger than a batch is a batch of its own. */
  sizeOf?: (item: Item) => number
  /** Two items with the same key are never in one commit. With `overlapMin` they may be in two that overlap. */
  keyOf?: (item: Item) => string
  waitingMax: number
  /** A commit that takes longer counts as hanging: new items are refused. */
  commitMaxMs?: number
  /** From this size on, waiting items do not wait for the end of a commit that holds its locks. By default they do. */
  overlapMin?: number
  onRefusal?: () => void
}

/**
 * Commits all items or none.
 *
 * @param onLocked to be called when the commit holds all its locks, where a second may overlap it. A commit that then has to start
 *   again loses its turn to the second, and no more
 * @returns a result for each item, in their order
 */
export type Commit<Item, Result> = (items: Item[], onLocked: () => void) => Promise<Result[]>

/** A batch whose commit is over. An item that is retried by itself is a batch of one. */
export type BatchRun = { size: number; outcome: 'committed' | 'failed'; durationMs: number }

/** A batch in flight. */
type Sent = { atMs: number; isLocked: boolean }

type Waiting<Item, Result> = {
  item: Item
  traceContext: unknown
  resolve: (result: Result) => void
  reject: (error: unknown) => void
}

/**
 * Commits items in batches: items that arrive during a commit share the next one. Without a commit in flight an item goes at
 * once, with those of the same turn of the event loop, so at rest nothing waits.
 *
 * With `overlapMin` two commits may be in flight: the second starts when the first holds all its locks. It waits there for what
 * both need, so the first is still the first to have it, and the second's reads overlap the first's writes.
 *
 * A batch that the database refused is retried item by item, so that an item fails only for a reason of its own. A batch
 * without a connection or an answer in time fails, and so do the items waiting behind it. A second that is in flight
 * overtakes items that are retried.
 */
export class GroupCommit<Item, Result> {
  readonly #commit: Commit<Item, Result>
  readonly #options: GroupCommitOptions<Item>
  #waiting: Waiting<Item, Result>[] = []
  readonly #inFlight = new Set<Sent>()
  /** Each has a batch in flight, or asks soon whether one is due. It asks for the last time in the turn in which it leaves. */
  readonly #runs = new Set<PromiseWithResolvers<void>>()

  constructor(commit: Commit<Item, Result>, options: GroupCommitOptions<Item>) {
    this.#commit = commit
    this.#options = options
  }

  /**
   * Commits an item in the next batch.
   *
   * @returns its result, after the commit
   * @throws {QueueFullError} at once, if too many items wait or the wait would be too long; else what `commit` threw for
   *   this item
   */
  submit(item: Item): Promise<Result> {
    if (this.#waiting.length >= this.#options.waitingMax || this.#isHanging()) {
      this.#options.onRefusal?.()
      return Promise.reject(
        new QueueFullError(`Queue full: ${this.#waiting.length} items wait for the database`),
      )
    }
    const { tracing } = this.#options
    return tracing ? tracing.item(() => this.#wait(item)) : this.#wait(item)
  }

  /** Items waiting for a commit, without those in flight. */
  get waitingCount(): number {
    return this.#waiting.length
  }

  /** Resolves when nothing waits and no commit is in flight. */
  async drain(): Promise<void> {
    for (const { promise } of this.#runs) await promise
  }

  /** Whether a commit hangs: however slow commits are, each makes room for a batch. */
  #isHanging(): boolean {
    const { commitMaxMs = Infinity } = this.#options
    return this.#inFlight.values().some(({ atMs }) => performance.now() - atMs > commitMaxMs)
  }

  #wait(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, traceContext: this.#options.tracing?.activeContext(), resolve, reject })
      this.#runIfDue()
    })
  }

  /** Commits what is due, unless a run that has no batch in flight is about to. */
  #runIfDue(): void {
    if (this.#runs.size > this.#inFlight.size || !this.#isDue()) return
    const over = Promise.withResolvers<void>()
    this.#runs.add(over)
    void this.#run(over)
  }

  /** Whether the next batch may go now. */
  #isDue(): boolean {
    const [first, second] = this.#inFlight
    if (!first) return this.#waiting.length > 0
    const { overlapMin = Infinity } = this.#options
    return !second && first.isLocked && this.#sizeOf(this.#waiting) >= overlapMin
  }

  async #run(over: PromiseWithResolvers<void>): Promise<void> {
    await new Promise(setImmediate)
    while (this.#isDue()) {
      const batch = this.#takeBatch()
      const startedAtMs = performance.now()
      try {
        await this.#commitBatch(batch)
      } catch (error) {
        for (const one of batch) {
          if (batch.length > 1 && isWorthSplitting(error))
            await this.#commitBatch([one], true).catch(one.reject)
          else one.reject(error)
        }
        // the waiting items have waited for the same host, so they fail now instead of waiting again
        const hasHung = isUnavailable(error) && performance.now() - startedAtMs > HUNG_MS
        if (isConnectTimeout(error) || hasHung) for (const one of this.#waiting.splice(0)) one.reject(error)
      }
      // the callers go on, and what they submit belongs to this run
      if (this.#waiting.length === 0) await new Promise<void>((resolve) => process.nextTick(resolve))
    }
    this.#runs.delete(over)
    over.resolve()
  }

  /** Takes the next batch off the line. Repeats of a key stay in it, in their order, and those behind them go. */
  #takeBatch(): Waiting<Item, Result>[] {
    const { batchSizeMax, sizeOf, keyOf } = this.#options
    if (!sizeOf && !keyOf) return this.#waiting.splice(0, batchSizeMax)
    const keys = new Set<string>()
    const batch: Waiting<Item, Result>[] = []
    const repeats: Waiting<Item, Result>[] = []
    let size = 0
    for (const one of this.#waiting) {
      const key = keyOf?.(one.item)
      if (key !== undefined && keys.has(key)) {
        repeats.push(one)
        continue
      }
      size += sizeOf?.(one.item) ?? 1
      if (size > batchSizeMax && batch.length > 0) break
      if (key !== undefined) keys.add(key)
      batch.push(one)
    }
    this.#waiting.splice(0, batch.length + repeats.length, ...repeats)
    return batch
  }

  /** @param isRetry of an item that others would overtake: none overlaps it */
  async #commitBatch(batch: Waiting<Item, Result>[], isRetry = false): Promise<void> {
    const sent: Sent = { atMs: performance.now(), isLocked: false }
    this.#inFlight.add(sent)
    const onLocked = () => {
      sent.isLocked = !isRetry
      this.#runIfDue()
    }
    let outcome: BatchRun['outcome'] = 'failed'
    try {
      const items = batch.map(({ item }) => item)
      const results = await this.#traced(batch, () => this.#commit(items, onLocked))
      outcome = 'committed'
      // the next commit is sent before those who waited for this one go on, so that both get done at once
      process.nextTick(() => {
        batch.forEach(({ resolve }, index) => {
          resolve(results[index] as Result)
        })
      })
    } finally {
      this.#inFlight.delete(sent)
      const durationMs = performance.now() - sent.atMs
      this.#options.onBatch?.({ size: this.#sizeOf(batch), outcome, durationMs })
    }
  }

  #sizeOf(items: readonly Waiting<Item, Result>[]): number {
    const { sizeOf } = this.#options
    return sizeOf ? items.reduce((size, { item }) => size + sizeOf(item), 0) : items.length
  }

  #traced(batch: Waiting<Item, Result>[], commit: () => Promise<Result[]>): Promise<Result[]> {
    const { tracing } = this.#options
    if (!tracing) return commit()
    return tracing.commit(
      batch.map(({ traceContext }) => traceContext),
      commit,
    )
  }
}

/** A commit that took longer to find the database unavailable has waited for a silent host. */
const HUNG_MS = 1_000

/** pg's messages for a connection that could not be made in time. */
const CONNECT_TIMEOUTS = [
  'timeout exceeded when trying to connect',
  'Connection terminated due to connection timeout',
]

function isConnectTimeout(error: unknown): boolean {
  return error instanceof Error && CONNECT_TIMEOUTS.includes(error.message)
}

/**
 * Whether to retry the items of a failed commit one by one: only if it certainly had no effect. Never after a commit that may
 * have succeeded, nor while the database is unavailable: each item would fail as the batch did.
 */
function isWorthSplitting(error: unknown): boolean {
  return (error instanceof pg.DatabaseError || isUndone(error)) && !isUnavailable(error)
}
