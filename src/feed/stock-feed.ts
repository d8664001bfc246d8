import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import type { Logger } from 'pino'
import { callAt } from '../call-at.ts'
import { assertAllowed, tokenExpired } from '../domain/authorisation.ts'
import type { Caller } from '../domain/caller.ts'
import { CallError } from '../domain/errors.ts'
import { STREAM_BACKLOG_MAX } from '../limits.ts'
import {
  findLastPlace,
  hasPlace,
  isOverIn,
  LEDGER_START,
  readSnapshot,
  type Snapshot,
  type StreamPlace,
} from '../sql/stock/ledger/read-changes.ts'
import { ChangePages } from './change-pages.ts'
import { LedgerFollower } from './ledger-follower.ts'
import { cursorOf, placeOfCursor } from './stock-cursor.ts'
import { assertKnown, createFilter, type StockFilter } from './stock-filter.ts'
import { StockWatcher } from './stock-watcher.ts'
import { createWatchTally, isDropReason, type WatchTally, type WatchTransport } from './watch-tally.ts'

/** How long a client waits for its view to open: a transaction of ours is over by then. */
const START_WAIT_MAX_MS = 1_000

/**
 * Delivers the changes of stock to those who follow them in this process, whichever process made them, in the order of their
 * positions. Reads each once for all views that are up to date; a view that resumes from farther back reads its own pages until it is.
 */
export class StockFeed {
  /** Counts of views and deliveries to clients. */
  readonly tallies: Readonly<Record<WatchTransport, WatchTally>> = {
    sse: createWatchTally(),
    websocket: createWatchTally(),
  }
  readonly #pool: pg.Pool
  readonly #logger: Logger
  readonly #follower: LedgerFollower
  readonly #pages: ChangePages
  readonly #watchers = new Set<StockWatcher>()
  /**
   * The last place up to where the ledger is final: the views that are up to date have it. Undefined until it is known. It is never a
   * number that is only drawn: after a crash the sequence may give that out again.
   */
  #end: StreamPlace | undefined
  readonly #found = Promise.withResolvers<void>()
  /** Views that wait for the end to be found, and do not yet count as watchers. */
  #starting = 0
  /** Views from now on that opened before the end was found. */
  readonly #early = new Set<StockWatcher>()
  #isStopped = false

  constructor({ pool, logger }: { pool: pg.Pool; logger: Logger }) {
    this.#pool = pool
    this.#logger = logger
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
    // a worker is notified of thousands of orders a second, whether or not anybody follows their stock
    if (this.#watchers.size > 0) this.#follower.wake()
  }

  /** How long an open transaction has held changes back from the views of this process. */
  get lagMs(): number {
    return this.#follower.lagMs
  }

  get watcherCount(): number {
    return this.#watchers.size
  }

  /** Ends every view with an error that asks clients to subscribe again. Later calls of `watch` get the same error. */
  stop(): void {
    this.#isStopped = true
    this.#follower.stop()
    this.#found.resolve()
    for (const watcher of this.#watchers) watcher.fail(goingAway())
  }

  /**
   * Follows the changes of stock: those after the cursor `after`, or those that are committed from now on. Ends with an error when
   * the caller's token expires, and for a client that is too slow.
   *
   * @param transport what carries the view to a client; undefined for one that stays in this process, and is not counted
   * @param disconnected ends the view; its reason is a DropReason where the client was cut off
   * @throws {CallError} FORBIDDEN for customers, BAD_USER_INPUT for a cursor of no change in this database or a filter that is
   * too long, NOT_FOUND for a SKU or a location that does not exist, UNAVAILABLE once the server stops
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
    const start = after === null ? await this.#startNow(disconnected) : await this.#startAfter(after)
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
    start: Start | undefined,
    tally: WatchTally,
    disconnected: AbortSignal | undefined,
  ): StockWatcher {
    const passes = createFilter(filter)
    const watcher = new StockWatcher({
      after: start?.place ?? LEDGER_START,
      isWanted: (change) =>
        passes(change) &&
        // of a second place it is not known which transaction gave it
        !(start?.snapshot && !change.isRepeat && isOverIn(start.snapshot, change.xid)),
      authorise: () => {
        if (caller.expiresAt && caller.expiresAt.getTime() <= Date.now()) throw tokenExpired()
      },
      endOf: () => this.#end?.position ?? 0n,
      read: (from) => this.#pages.readPatiently(from, this.#end!.position, () => watcher.isEnding),
      tooSlow,
      onClose: () => {
        forgetExpiry()
        disconnected?.removeEventListener('abort', leave)
        this.#watchers.delete(watcher)
        this.#early.delete(watcher)
      },
      tally,
    })
    const forgetExpiry = callAt(caller.expiresAt, () => watcher.fail(tokenExpired()))
    const leave = () =>
      isDropReason(disconnected?.reason) ? watcher.drop(disconnected.reason) : void watcher.return()
    disconnected?.addEventListener('abort', leave)
    this.#watchers.add(watcher)
    if (disconnected?.aborted) leave()
    else if (!start) this.#early.add(watcher)
    if (this.#end) this.#endEarly()
    // commits did not wake the feed while nobody followed the stock
    this.wake()
    return watcher
  }

  /**
   * From now on: what is not committed at this moment, of all after the end that is known.
   *
   * @returns undefined where the end is not found soon
   */
  async #startNow(disconnected: AbortSignal | undefined): Promise<Start | undefined> {
    this.#starting++
    try {
      if (this.#end === undefined) {
        this.#follower.wake()
        const late = sleep(START_WAIT_MAX_MS, undefined, {
          ref: false,
          ...(disconnected && { signal: disconnected }),
        })
        await Promise.race([this.#found.promise, late.catch(() => {})])
      }
      return this.#end && { place: this.#end, snapshot: await readSnapshot(this.#pool) }
    } finally {
      this.#starting--
    }
  }

  async #startAfter(cursor: string): Promise<Start> {
    const place = placeOfCursor(cursor)
    // of another database, or one that was set back, the client would miss changes
    if (!place || !(await hasPlace(this.#pool, place))) throw new WrongCursorError()
    return { place, snapshot: undefined }
  }

  /**
   * Hands what is new up to `upTo` to the views that are up to date. Where it is more than a page, they read on by themselves, as
   * soon as their clients have room.
   */
  async #handOn(upTo: bigint): Promise<void> {
    const from = this.#end
    const end = await findLastPlace(this.#pool, upTo)
    const isSetBack = from !== undefined && !(await hasPlace(this.#pool, from))
    if (isSetBack) this.#startOver()
    if (from && !isSetBack && end.position === from.position) return
    const page =
      from && !isSetBack && this.#watchers.size > 0
        ? await this.#pages.read(from.position, end.position)
        : undefined
    this.#end = end
    this.#found.resolve()
    this.#endEarly()
    for (const watcher of this.#watchers) {
      if (page) watcher.offer(page.changes, from!.position, page.to)
      else watcher.offer([], end.position, end.position)
    }
  }

  /**
   * Ends the views from now on that opened before the end was found. A transaction that was under way then may have written
   * movements before that end, and nobody knows where: a view cannot begin before them, and must not begin after them in silence.
   */
  #endEarly(): void {
    for (const watcher of this.#early) watcher.fail(tooEarly())
  }

  /** Ends every view: clients have received changes that the database has lost, and would miss those that get their numbers. */
  #startOver(): void {
    this.#logger.warn({ views: this.#watchers.size }, 'ledger was set back, streams ended')
    for (const watcher of this.#watchers) watcher.fail(setBack())
  }
}

/** The cursor is not one of this stream, or names a change that this database does not have. */
export class WrongCursorError extends CallError {
  constructor() {
    super('BAD_USER_INPUT', '"after" is not the cursor of a change in this database')
  }
}

/** Where a view begins: after a place and, with a snapshot, only with what was not over then. */
type Start = { place: StreamPlace; snapshot: Snapshot | undefined }

function goingAway(): CallError {
  return new CallError('UNAVAILABLE', 'The server is stopping. Subscribe again, with after')
}

function tooEarly(): CallError {
  return new CallError('UNAVAILABLE', 'The stream was not ready when you subscribed. Subscribe again')
}

function setBack(): CallError {
  return new CallError('UNAVAILABLE', 'The database was set back. Subscribe again, with after')
}

function tooSlow(place: StreamPlace): CallError {
  const message = `You are more than ${STREAM_BACKLOG_MAX.toLocaleString('en')} changes behind. Subscribe again, with after: "${cursorOf(place)}"`
  return new CallError('UNAVAILABLE', message)
}
