import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import type { Logger } from 'pino'
import { callAt } from '../call-at.ts'
import { decodeCursor, encodeCursor } from '../cursor.ts'
import { assertAllowed, tokenExpired } from '../domain/authorisation.ts'
import type { Caller } from '../domain/caller.ts'
import { CallError } from '../domain/errors.ts'
import { isLocationCode } from '../domain/stock/location.ts'
import { isSku } from '../domain/stock/stock.ts'
import type { InventoryChange } from '../domain/stock/thresholds.ts'
import {
  STREAM_FILTER_MAX,
  STREAM_PACE_MS,
  STREAM_PAGE_SIZE,
  STREAM_REST_MS,
  STREAM_WAIT_MAX_MS,
  STREAM_WAIT_MIN_MS,
} from '../limits.ts'
import { findKnownSkus } from '../sql/stock/items.ts'
import {
  drawXid,
  isOverIn,
  lookBelow,
  readChanges,
  readLedgerEnd,
  readSnapshot,
  type Snapshot,
} from '../sql/stock/ledger/read-changes.ts'
import { findLocations } from '../sql/stock/locations.ts'
import { StockWatcher } from './stock-watcher.ts'
import { createWatchTally, isDropReason, type WatchTally, type WatchTransport } from './watch-tally.ts'

/** A restarting database takes at least about this long. */
const READ_AGAIN_DELAY_MS = 500
/** Transactions of ours take a tenth of a second at most. */
const HELD_BACK_MS = 10_000

/** What cursors of the stream call it. */
const STREAM = 'inventoryChanges'
const POSITION = /^(0|[1-9]\d{0,18})$/

/** Which changes of stock are followed: of these SKUs, at these locations; null for all. */
export type StockFilter = { skus: readonly string[] | null; locations: readonly string[] | null }

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
  readonly #logger: Logger
  readonly #watchers = new Set<StockWatcher>()
  /** Those that are being read, by the position that they begin behind. */
  readonly #pages = new Map<bigint, Promise<Page>>()
  readonly #stopping = new AbortController()
  /** The ledger is final up to here, and the views that are up to date have it. Undefined until that is known. */
  #end: bigint | undefined
  readonly #found = Promise.withResolvers<void>()
  /** Views that wait for the end to be found. */
  #starting = 0
  /** Where the ledger ended, and an xid that was drawn after that: it is final up to there once all below it are over. */
  #mark: { end: bigint; xid: bigint } | undefined
  #isStale = false
  #isLooking = false
  /** Since when changes that may be there cannot be read. */
  #heldSinceMs: number | undefined
  #resting: NodeJS.Timeout | undefined

  constructor({ pool, logger }: { pool: pg.Pool; logger: Logger }) {
    this.#pool = pool
    this.#logger = logger
  }

  /** Begins to look where the ledger ends. */
  start(): void {
    this.#lookAnew()
    this.#resting = setInterval(() => this.#lookAnew(), STREAM_REST_MS).unref()
  }

  /** Stock may have changed, in this process or another. */
  wake(): void {
    // a worker whose stock nobody follows hears of thousands of orders a second
    if (this.#watchers.size > 0) this.#lookAnew()
  }

  /** For how long a transaction that is under way has kept changes from those who follow the stock. */
  get lagMs(): number {
    if (this.#heldSinceMs === undefined || this.#watchers.size === 0) return 0
    return performance.now() - this.#heldSinceMs
  }

  get watcherCount(): number {
    return this.#watchers.size
  }

  /** Ends every view with an error that tells clients to come back. Later calls of `watch` get the same error. */
  stop(): void {
    this.#stopping.abort()
    clearInterval(this.#resting)
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
    if (this.#stopping.signal.aborted) throw goingAway()
    await this.#assertKnown(filter)
    const start = after === null ? await this.#startNow() : await this.#startAfter(after)
    if (this.#stopping.signal.aborted) throw goingAway()
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
    { skus, locations }: StockFilter,
    { position, snapshot }: Start,
    tally: WatchTally,
    disconnected: AbortSignal | undefined,
  ): StockWatcher {
    const wantedSkus = skus && new Set(skus)
    const wantedLocations = locations && new Set(locations)
    const watcher = new StockWatcher({
      after: position,
      isWanted: ({ position, movement: { id, sku, location }, xid }) =>
        (wantedSkus === null || wantedSkus.has(sku)) &&
        (wantedLocations === null || wantedLocations.has(location)) &&
        // of a second place it is not known which transaction gave it
        !(snapshot && position === id && isOverIn(snapshot, xid)),
      authorise: () => {
        if (caller.expiresAt && caller.expiresAt.getTime() <= Date.now()) throw tokenExpired()
      },
      endOf: () => this.#end ?? 0n,
      read: (from) => this.#readPage(from, () => watcher.isEnding),
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

  async #assertKnown({ skus, locations }: StockFilter): Promise<void> {
    assertFilter('skus', skus)
    assertFilter('locations', locations)
    const [foundSkus, foundLocations] = await Promise.all([
      skus && findKnownSkus(this.#pool, skus.filter(isSku)),
      locations && findLocations(this.#pool, locations.filter(isLocationCode)),
    ])
    assertFound('item with the SKU', skus, foundSkus)
    assertFound('location', locations, new Set(foundLocations?.map(({ code }) => code)))
  }

  /** From now on: what is not committed at this moment, of all behind the end that is known. */
  async #startNow(): Promise<Start> {
    this.#starting++
    try {
      if (this.#end === undefined) this.#lookAnew()
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

  #lookAnew(): void {
    this.#isStale = true
    void this.#look()
  }

  /** Whether somebody waits for what there is to tell. */
  #isAwaited(): boolean {
    return this.#watchers.size + this.#starting > 0 && !this.#stopping.signal.aborted
  }

  /** Looks for the end of the ledger until nothing is new, one look at a time. */
  async #look(): Promise<void> {
    if (this.#isLooking) return
    this.#isLooking = true
    while (this.#isStale && !this.#stopping.signal.aborted) {
      this.#isStale = false
      const startedAtMs = performance.now()
      try {
        await this.#advance()
        this.#heldSinceMs = undefined
        await this.#pause(startedAtMs + STREAM_PACE_MS - performance.now())
      } catch (error) {
        // where nobody follows the stock the next look is soon enough
        if (!this.#isAwaited()) break
        this.#isStale = true
        this.#logger.warn({ err: error }, 'changes of stock not read, retrying')
        await this.#pause(READ_AGAIN_DELAY_MS)
      }
    }
    this.#heldSinceMs = undefined
    this.#isLooking = false
  }

  /** Waits until the ledger is final up to where it now ends, and hands on what is new. Where nobody waits for it, not for long. */
  async #advance(): Promise<void> {
    this.#heldSinceMs ??= performance.now()
    const isEarlier = this.#mark !== undefined
    this.#mark ??= await this.#setMark()
    if (!this.#mark) return
    const { end, xid } = this.#mark
    if (!(await this.#untilOver(xid))) return
    this.#mark = undefined
    await this.#handOn(end)
    // there may be more since
    if (isEarlier) this.#isStale = true
  }

  /** @returns undefined if the ledger ends where it did */
  async #setMark(): Promise<{ end: bigint; xid: bigint } | undefined> {
    const end = await readLedgerEnd(this.#pool)
    return end === this.#end ? undefined : { end, xid: await drawXid(this.#pool) }
  }

  /**
   * Waits until every transaction is over that began before the one with this xid.
   *
   * @returns false where one is not, and nobody waits for it any more
   */
  async #untilOver(xid: bigint): Promise<boolean> {
    let isTold = false
    for (let delayMs = STREAM_WAIT_MIN_MS; ; delayMs = Math.min(2 * delayMs, STREAM_WAIT_MAX_MS)) {
      const below = await lookBelow(this.#pool, xid)
      if (below === 'over') return true
      if (below === 'behind') {
        this.#mark = undefined
        this.#isStale = true
        return false
      }
      if (!this.#isAwaited()) return false
      if (!isTold && this.lagMs > HELD_BACK_MS) {
        this.#logger.warn(
          { lagMs: Math.round(this.lagMs) },
          'changes of stock held back by a long transaction',
        )
        isTold = true
      }
      await this.#pause(delayMs)
    }
  }

  /**
   * Hands what is new up to `end` to the views that are up to date. Where it is more than a page, they read on by themselves, as
   * soon as their clients have room.
   */
  async #handOn(end: bigint): Promise<void> {
    const from = this.#end
    const page = from !== undefined && this.#watchers.size > 0 ? await this.#read(from, end) : undefined
    this.#end = end
    this.#found.resolve()
    for (const watcher of this.#watchers) {
      if (page) watcher.offer(page.changes, from!, page.to)
      else watcher.offer([], end, end)
    }
  }

  /** Reads a page for one view. Retries until it succeeds, or the view is over. */
  async #readPage(from: bigint, isOver: () => boolean): Promise<Page | undefined> {
    while (!isOver()) {
      try {
        return await this.#read(from, this.#end!)
      } catch (error) {
        this.#logger.warn({ err: error }, 'changes of stock not read, retrying')
        await this.#pause(READ_AGAIN_DELAY_MS)
      }
    }
    return undefined
  }

  /** Reads a page, once for all who ask for it meanwhile. */
  #read(from: bigint, end: bigint): Promise<Page> {
    const underWay = this.#pages.get(from)
    if (underWay) return underWay
    const page = this.#readAlone(from, end).finally(() => this.#pages.delete(from))
    this.#pages.set(from, page)
    return page
  }

  async #readAlone(from: bigint, end: bigint): Promise<Page> {
    const changes = await readChanges(this.#pool, { after: from, end, sizeMax: STREAM_PAGE_SIZE })
    return { changes, to: changes.length < STREAM_PAGE_SIZE ? end : changes.at(-1)!.position }
  }

  async #pause(ms: number): Promise<void> {
    if (ms > 0) await sleep(ms, undefined, { ref: false, signal: this.#stopping.signal }).catch(() => {})
  }
}

/** What there is behind a position, up to another and itself. */
type Page = { changes: readonly InventoryChange[]; to: bigint }

/** Where a view begins: behind a position and, with a snapshot, only with what was not over then. */
type Start = { position: bigint; snapshot: Snapshot | undefined }

function assertFilter(name: string, values: readonly string[] | null): void {
  if (values === null || (values.length > 0 && values.length <= STREAM_FILTER_MAX)) return
  throw new CallError(
    'BAD_USER_INPUT',
    `${name} must name 1 to ${STREAM_FILTER_MAX}, not ${values.length}: leave it out for all`,
  )
}

function assertFound(
  what: string,
  wanted: readonly string[] | null,
  known: ReadonlySet<string> | null,
): void {
  const unknown = wanted?.find((value) => !known!.has(value))
  if (unknown !== undefined) {
    throw new CallError('NOT_FOUND', `There is no ${what} ${JSON.stringify(unknown.slice(0, 64))}`)
  }
}

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
