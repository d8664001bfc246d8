import pg from 'pg'
import { QueueFullError } from './queue-full-error.ts'
import { isUndone } from './transaction.ts'
import { isUnavailable } from './unavailable.ts'

/** Follows the items of a group commit through the commit that they share. */
export type GroupTracing = {
  /** The whole way of an item: its wait, and its commit. */
  item<Result>(run: () => Promise<Result>): Promise<Result>
  /** What stands for the item whose way is being run. */
  activeContext(): unknown
  /** A commit, for the items that share it. */
  commit<Result>(contexts: readonly unknown[], run: () => Promise<Result>): Promise<Result>
}

/** What is told how a group commit does. */
export type GroupObserver = {
  /** Hears of each batch, once it is over. */
  onBatch?: (run: BatchRun) => void
  /** Undefined where nothing is traced. */
  tracing?: GroupTracing | undefined
}

/** How a group commit is bounded, and who is told how it does. */
export type GroupCommitOptions<Item> = GroupObserver & {
  /** Items of one commit, by their sizes. */
  batchSizeMax: number
  /** How much of a batch an item is: 1 without it. An item larger than a batch is one of its own. */
  sizeOf?: (item: Item) => number
  /** Items that may wait for theirs. */
  waitingMax: number
  /** How long an item may have to wait for the commits of those before it, as it looks when the item comes. */
  waitMaxMs?: number
  /** How long a commit may take until it is taken to hang: nobody is sent to wait behind it. */
  commitMaxMs?: number
  /** Hears of every item that is refused. */
  onRefusal?: () => void
}

/** A batch whose commit is over. An item that is tried again by itself is a batch of one. */
export type BatchRun = { size: number; outcome: 'committed' | 'failed'; durationMs: number }

/** The share of the latest commit in what one is taken to last: some five commits tell. */
const LATEST_COMMIT_WEIGHT = 0.2

type Waiting<Item, Result> = {
  item: Item
  /** What stands for it in traces. */
  traceContext: unknown
  resolve: (result: Result) => void
  reject: (error: unknown) => void
}

/**
 * Lets items that arrive while a commit is under way share the next one. When nothing is under way, an item goes at
 * once, with those that arrive in the same turn of the event loop: at rest, sharing costs nothing.
 *
 * A batch that the database refused is tried again item by item, so that an item fails only for a reason of its own.
 * One that gets no connection or no answer in time fails, and with it all that wait behind it.
 */
export class GroupCommit<Item, Result> {
  readonly #commit: (items: Item[]) => Promise<Result[]>
  readonly #options: GroupCommitOptions<Item>
  #waiting: Waiting<Item, Result>[] = []
  #running: Promise<void> | undefined
  #commitStartedAtMs: number | undefined
  #commitMs = 0

  /** @param commit commits all items or none, and gives a result for each, in their order */
  constructor(commit: (items: Item[]) => Promise<Result[]>, options: GroupCommitOptions<Item>) {
    this.#commit = commit
    this.#options = options
  }

  /**
   * Commits an item, with its neighbours.
   *
   * @returns its result, once it is committed
   * @throws {QueueFullError} at once, when too many wait or it would wait for too long; else what `commit` threw for
   *   this item
   */
  submit(item: Item): Promise<Result> {
    if (this.#waiting.length >= this.#options.waitingMax || this.#isTooSlow()) {
      this.#options.onRefusal?.()
      return Promise.reject(
        new QueueFullError(`${this.#waiting.length} are waiting for the database already`),
      )
    }
    const { tracing } = this.#options
    return tracing ? tracing.item(() => this.#wait(item)) : this.#wait(item)
  }

  /** Items that wait for their commit, without those of one under way. */
  get waitingCount(): number {
    return this.#waiting.length
  }

  /** Resolves when nothing waits and nothing is under way. */
  async drain(): Promise<void> {
    await this.#running
  }

  /**
   * Whether an item that comes now would wait for too long. With less than a batch before it, it does only while a
   * commit hangs: however slow commits have become, each makes room for a batch.
   */
  #isTooSlow(): boolean {
    const { batchSizeMax, waitMaxMs = Infinity, commitMaxMs = Infinity } = this.#options
    const elapsedMs = this.#commitStartedAtMs === undefined ? 0 : performance.now() - this.#commitStartedAtMs
    const batchesBefore = Math.floor(this.#waiting.length / batchSizeMax)
    return elapsedMs > commitMaxMs || batchesBefore * Math.max(this.#commitMs, elapsedMs) > waitMaxMs
  }

  #wait(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, traceContext: this.#options.tracing?.activeContext(), resolve, reject })
      this.#running ??= this.#run()
    })
  }

  async #run(): Promise<void> {
    await new Promise(setImmediate)
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, this.#nextBatchLength())
      const startedAtMs = performance.now()
      try {
        await this.#commitBatch(batch)
      } catch (error) {
        for (const one of batch) {
          if (batch.length > 1 && isWorthSplitting(error)) await this.#commitBatch([one]).catch(one.reject)
          else one.reject(error)
        }
        // those that came meanwhile have waited for the same host: not once more as long
        const hasHung = isUnavailable(error) && performance.now() - startedAtMs > HUNG_MS
        if (isConnectTimeout(error) || hasHung) for (const one of this.#waiting.splice(0)) one.reject(error)
      }
    }
    this.#running = undefined
  }

  /** How many of those that wait fit the next batch. */
  #nextBatchLength(): number {
    const { batchSizeMax, sizeOf } = this.#options
    if (!sizeOf) return batchSizeMax
    let size = 0
    const isFull = ({ item }: Waiting<Item, Result>) => {
      size += sizeOf(item)
      return size > batchSizeMax
    }
    const end = this.#waiting.findIndex(isFull)
    return end === -1 ? this.#waiting.length : Math.max(end, 1)
  }

  async #commitBatch(batch: Waiting<Item, Result>[]): Promise<void> {
    const startedAtMs = performance.now()
    this.#commitStartedAtMs = startedAtMs
    let outcome: BatchRun['outcome'] = 'failed'
    try {
      const results = await this.#traced(batch, () => this.#commit(batch.map(({ item }) => item)))
      outcome = 'committed'
      batch.forEach(({ resolve }, index) => {
        resolve(results[index] as Result)
      })
    } finally {
      const durationMs = performance.now() - startedAtMs
      this.#commitMs += LATEST_COMMIT_WEIGHT * (durationMs - this.#commitMs)
      this.#commitStartedAtMs = undefined
      const { sizeOf, onBatch } = this.#options
      const size = sizeOf ? batch.reduce((sum, { item }) => sum + sizeOf(item), 0) : batch.length
      onBatch?.({ size, outcome, durationMs })
    }
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

/** A commit that finds the database away after so long has waited for a host that does not answer. */
const HUNG_MS = 1_000

/** What pg says when it got no connection in time. */
const CONNECT_TIMEOUTS = [
  'timeout exceeded when trying to connect',
  'Connection terminated due to connection timeout',
]

function isConnectTimeout(error: unknown): boolean {
  return error instanceof Error && CONNECT_TIMEOUTS.includes(error.message)
}

/**
 * Whether a failed commit certainly left nothing, so that its items can be tried one by one. Where it may have come
 * through there is no second try, nor where the database is away: what is not to be had for all is not for each.
 */
function isWorthSplitting(error: unknown): boolean {
  return (error instanceof pg.DatabaseError || isUndone(error)) && !isUnavailable(error)
}
