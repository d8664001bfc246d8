import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import type { Logger } from 'pino'
import { STREAM_PACE_MS, STREAM_REST_MS, STREAM_WAIT_MAX_MS, STREAM_WAIT_MIN_MS } from '../limits.ts'
import { awaitFinalEnd, MOVEMENTS } from '../sql/stock/ledger/final-end.ts'
import { READ_AGAIN_DELAY_MS } from './change-pages.ts'

/** Transactions of ours take a tenth of a second at most. */
const HELD_BACK_MS = 10_000
/** How long a look lasts that nobody waits for: the next is soon enough. */
const UNAWAITED_LOOK_MAX_MS = 1_000

/** What a follower needs of who uses it. */
export type LedgerFollowerOptions = {
  pool: pg.Pool
  logger: Logger
  /** Whether somebody waits for what is new. */
  isAwaited: () => boolean
  /** Called with the number up to which the ledger is final, after each look. What it throws has the look repeated. */
  onFinal: (end: bigint) => Promise<void>
}

/** Follows up to where the ledger is final. Looks once for all who wake it meanwhile, and one look at a time. */
export class LedgerFollower {
  readonly #options: LedgerFollowerOptions
  readonly #stopping = new AbortController()
  #isStale = false
  #isLooking = false
  /** Since when changes that may be there cannot be read. */
  #heldSinceMs: number | undefined
  #resting: NodeJS.Timeout | undefined

  constructor(options: LedgerFollowerOptions) {
    this.#options = options
  }

  /** Looks now, and then now and again, also if nobody wakes it. */
  start(): void {
    this.wake()
    this.#resting = setInterval(() => this.wake(), STREAM_REST_MS).unref()
  }

  stop(): void {
    this.#stopping.abort()
    clearInterval(this.#resting)
  }

  /** The ledger may have grown. */
  wake(): void {
    this.#isStale = true
    void this.#look()
  }

  /** For how long transactions that write movements, or a database that is away, have kept changes from those who wait. */
  get lagMs(): number {
    if (this.#heldSinceMs === undefined || !this.#options.isAwaited()) return 0
    return performance.now() - this.#heldSinceMs
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return
    this.#isLooking = true
    while (this.#isStale && !this.#stopping.signal.aborted) {
      this.#isStale = false
      const startedAtMs = performance.now()
      this.#heldSinceMs ??= startedAtMs
      try {
        const end = await awaitFinalEnd(this.#options.pool, MOVEMENTS, this.#patience(startedAtMs))
        if (end !== undefined) await this.#options.onFinal(end)
        this.#heldSinceMs = undefined
        await this.#pause(startedAtMs + STREAM_PACE_MS - performance.now())
      } catch (error) {
        if (!this.#options.isAwaited()) break
        this.#isStale = true
        this.#options.logger.warn({ err: error }, 'changes of stock not read, retrying')
        await this.#pause(READ_AGAIN_DELAY_MS)
      }
    }
    this.#heldSinceMs = undefined
    this.#isLooking = false
  }

  /** Waits between the looks at the locks: ever longer, and only as long as somebody waits for what is new. */
  #patience(startedAtMs: number): () => Promise<boolean> {
    let delayMs = STREAM_WAIT_MIN_MS
    let isLogged = false
    return async () => {
      const isLong = performance.now() - startedAtMs > UNAWAITED_LOOK_MAX_MS
      if (this.#stopping.signal.aborted || (isLong && !this.#options.isAwaited())) return false
      if (!isLogged && this.lagMs > HELD_BACK_MS) {
        this.#options.logger.warn(
          { lagMs: Math.round(this.lagMs) },
          'changes of stock held back by a long transaction',
        )
        isLogged = true
      }
      await this.#pause(delayMs)
      delayMs = Math.min(2 * delayMs, STREAM_WAIT_MAX_MS)
      return true
    }
  }

  async #pause(ms: number): Promise<void> {
    if (ms > 0) await sleep(ms, undefined, { ref: false, signal: this.#stopping.signal }).catch(() => {})
  }
}
