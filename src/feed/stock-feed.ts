import type pg from 'pg'
import type { Logger } from 'pino'
import { callAt } from '../call-at.ts'
import { decodeCursor, encodeCursor } from '../cursor.ts'
import { assertAllowed, tokenExpired } from '../domain/authorisation.ts'
import type { Caller } from '../domain/caller.ts'
import { CallError } from '../domain/errors.ts'
import { readLedgerEnd } from '../sql/stock/ledger/final-end.ts'
import { isOverIn, readSnapshot, type Snapshot } from '../sql/stock/ledger/read-changes.ts'
import { ChangePages } from './change-pages.ts'
import { LedgerFollower } from './ledger-follower.ts'
import { assertKnown, createFilter, type StockFilter } from './stock-filter.ts'
import { StockWatcher } from './stock-watcher.ts'
import { createWatchTally, isDropReason, type WatchTally, type WatchTransport } from './watch-tally.ts'

/** What cursors of the stream call it. */
const STREAM = 'inventoryChanges'
const POSITION = /^(0|[1-9]\d{0,18})$/

/** The cursor of a change: who comes back with it is told what came after it. */
export function cursorOf(position: bigint): string {
  return encodeCursor(STREAM, String(position))
}

/**
 * Delivers the changes of stock to those who follow them in this process, whichever process made them, in the order of their
 * positions. Each is read once for all who are up to date; who comes back from farther behind reads for itself until it is.
 */
export class StockFeed {
  /** Counts of views and deliveries to clients. */
  readonly tallies: Readonly<Record<WatchTransport, WatchTally>> = {
    sse: createWatchTally(),
    websocket: createWatchTally(),
  }
  readonly #pool: pg.Pool
  readonly #follower: LedgerFollower
  readonly #pages: ChangePages
  readonly #watchers = new Set<StockWatcher>()
  /** The ledger is final up to here, and the views that are up to date have it. Undefined until that is known. */
  #end: bigint | undefined
  readonly #found = Promise.withResolvers<void>()
  /** Views that wait for the end to be found. */
  #starting = 0
  #isStopped = false

  constructor({ pool, logger }: { pool: pg.Pool; logger: Logger }) {
    this.#pool = pool
    this.#pages = new ChangePages({ pool, logger })
    this.#follower = new LedgerFollower({
      pool,
      logger,
      isAwaited: () => this.#watchers.size + this.#starting > 0,
      onFinal: (end) => this.#handOn(end),
    })
  }

  /** Begins to look where the ledger ends. */
  start(): void {
    this.#follower.start()
  }

  /** Stock may have changed, in this process or another. */
  wake(): void {
    // a worker whose stock nobody follows hears of thousands of orders a second
    if (this.#watchers.size > 0) this.#follower.wake()
  }

  /** For how long a transaction that is under way has kept changes from those who follow the stock. */
  get lagMs(): number {
    return this.#follower.lagMs
  }

  get watcherCount(): number {
    return this.#watchers.size
  }

  /** Ends every view with an error that tells clients to come back. Later calls of `watch` get the same error. */
  stop(): void {
    this.#isStopped = true
    this.#follower.stop()
    this.#found.resolve()
    for (const watcher of this.#watchers) watcher.fail(goingAway())
  }

  /**
   * Follows the changes of stock: those behind the cursor `after`, or those that are committed from now on. Ends with an error
   * once the caller's token expires, and for a client that is too slow.
   *
   * @param transport what carries the view to a client; undefined for one that stays in this process, and is not counted
   * @param disconnected ends the view; its reason is a DropReason where the client was cut off
   * @throws {CallError} FORBIDDEN for customers, BAD_USER_INPUT for a cursor that is none of the stream or a filter that is too
   * long, NOT_FOUND for a SKU or a location that there is not, UNAVAILABLE once views have been ended
   */
  async watch(
    caller: Caller,
    { after, ...filter }: StockFilter & { after: string | null },
    transport?: WatchTransport,
    disconnected?: AbortSignal,
  ): Promise<StockWatcher> {
    assertAllowed(caller, 'readLedger')
    if (this.#isStopped) throw goingAway()
    await assertKnown(this.#pool, filter)
    const start = after === null ? await this.#startNow() : await this.#startAfter(after)
    if (this.#isStopped) throw goingAway()
    return this.#open(
      caller,
      filter,
      start,
      transport ? this.tallies[transport] : createWatchTally(),
      disconnected,
    )
  }

  #open(
    caller: Caller,
    filter: StockFilter,
    { position, snapshot }: Start,
    tally: WatchTally,
    disconnected: AbortSignal | undefined,
  ): StockWatcher {
    const passes = createFilter(filter)
    const watcher = new StockWatcher({
      after: position,
      isWanted: (change) =>
        passes(change) &&
        // of a second place it is not known which transaction gave it
        !(snapshot && change.position === change.movement.id && isOverIn(snapshot, change.xid)),
      authorise: () => {
        if (caller.expiresAt && caller.expiresAt.getTime() <= Date.now()) throw tokenExpired()
      },
      endOf: () => this.#end ?? 0n,
      read: (from) => this.#pages.readPatiently(from, this.#end!, () => watcher.isEnding),
      tooSlow,
      onClose: () => {
        forgetExpiry()
        disconnected?.removeEventListener('abort', leave)
        this.#watchers.delete(watcher)
      },
      tally,
    })
    const forgetExpiry = callAt(caller.expiresAt, () => watcher.fail(tokenExpired()))
    const leave = () =>
      isDropReason(disconnected?.reason) ? watcher.drop(disconnected.reason) : void watcher.return()
    disconnected?.addEventListener('abort', leave)
    this.#watchers.add(watcher)
    if (disconnected?.aborted) leave()
    // what was committed before somebody followed the stock woke nobody
    this.wake()
    return watcher
  }

  /** From now on: what is not committed at this moment, of all behind the end that is known. */
  async #startNow(): Promise<Start> {
    this.#starting++
    try {
      if (this.#end === undefined) this.#follower.wake()
      await this.#found.promise
      const position = this.#end ?? 0n
      return { position, snapshot: await readSnapshot(this.#pool) }
    } finally {
      this.#starting--
    }
  }

  async #startAfter(cursor: string): Promise<Start> {
    const key = decodeCursor(STREAM, cursor)
    if (key === undefined || !POSITION.test(key)) throw wrongCursor()
    const position = BigInt(key)
    // of a database that was set back: there would be changes that the client takes for seen
    if (position > (await readLedgerEnd(this.#pool))) throw wrongCursor()
    return { position, snapshot: undefined }
  }

  /**
   * Hands what is new up to `end` to the views that are up to date. Where it is more than a page, they read on by themselves, as
   * soon as their clients have room.
   */
  async #handOn(end: bigint): Promise<void> {
    const from = this.#end
    if (end === from) return
    const page = from !== undefined && this.#watchers.size > 0 ? await this.#pages.read(from, end) : undefined
    this.#end = end
    this.#found.resolve()
    for (const watcher of this.#watchers) {
      if (page) watcher.offer(page.changes, from!, page.to)
      else watcher.offer([], end, end)
    }
  }
}

/** Where a view begins: behind a position and, with a snapshot, only with what was not over then. */
type Start = { position: bigint; snapshot: Snapshot | undefined }

function wrongCursor(): CallError {
  return new CallError('BAD_USER_INPUT', '"after" is not a cursor of this stream')
}

function goingAway(): CallError {
  return new CallError('UNAVAILABLE', 'The server is stopping. Subscribe again, with after')
}

function tooSlow(position: bigint): CallError {
  const message = `More than was kept for you has happened since you last read. Subscribe again, with after: "${cursorOf(position)}"`
  return new CallError('UNAVAILABLE', message)
}
