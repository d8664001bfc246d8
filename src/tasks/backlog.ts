import { setTimeout as sleep } from 'node:timers/promises'
import type { Job, LocalQueueMode } from 'graphile-worker'
import type { App } from '../app.ts'
import { isUnavailable } from '../database/unavailable.ts'
import { JOB_ATTEMPTS_MAX, type JobUnderWay } from '../domain/jobs.ts'
import { BACKLOG_BATCH_MAX } from '../limits.ts'
import { orderPayload } from '../use-cases/job-payloads.ts'
import { reserveBacklog } from '../use-cases/reserve-inventory.ts'

/**
 * A job that is done keeps its place for as long while a backlog is reserved, so that graphile-worker fetches less of it:
 * an order whose job is fetched costs twice as much.
 */
const TURN_MAX_MS = 300
/** After a failure: a worker comes past the order that failed by fetching the oldest jobs. With 1,000 places, 10,000 of them. */
const PAUSE_MS = 1_000

/** A job that graphile-worker has fetched and has no place for yet. */
type Waiting = { job: JobUnderWay; isInBatch: boolean }

/**
 * Reserves the orders of a backlog without fetching their jobs. There is one where a worker's last fetch was full: the
 * next job that is done begins. Orders that cannot be reserved together stay in the queue: graphile-worker fetches their
 * jobs like any others.
 *
 * Older orders come first. What has been fetched is older than what has not: the orders of fetched jobs that have to wait
 * for a place are reserved with the first batch, and their jobs find nothing left to do.
 */
export class Backlog {
  readonly #app: App
  /** The last fetch was, or there was none yet: more may be due. */
  #isFull = true
  #isEnded = false
  #pausedUntilMs = 0
  /** Under way while graphile-worker fetches jobs. */
  #fetch: PromiseWithResolvers<void> | undefined
  /** By their ids, jobs to reserve an order. */
  readonly #waiting = new Map<string, Waiting>()
  /** Jobs to do anything else, or that have failed before or were under way when their worker died. */
  readonly #others = new Set<string>()
  #reserving: Promise<void> | undefined
  #turn: Promise<void> | undefined

  constructor(app: App) {
    this.#app = app
  }

  /** graphile-worker begins to fetch where it has no jobs that wait for a place. */
  onMode(mode: LocalQueueMode): void {
    if (mode === 'POLLING' && !this.#isEnded) this.#fetch ??= Promise.withResolvers()
    else this.#endFetch()
  }

  /** @param isFull whether more may be due: where all get their places, graphile-worker fetches again */
  onFetch(jobs: readonly Job[], isFull: boolean): void {
    this.#isFull = isFull
    if (!isFull) this.#endFetch()
    for (const { id, task_identifier: task, payload, attempts: attempt, flags } of jobs) {
      const isFirstRun = attempt === 1 && !flags
      const { data } = task === 'reserve-inventory' && isFirstRun ? orderPayload.safeParse(payload) : {}
      if (data) this.#waiting.set(id, { job: { task, attempt, ...data }, isInBatch: false })
      else this.#others.add(id)
    }
  }

  /** A fetched job waits no longer: it has its place, or is in the queue again. */
  forget(jobId: string): void {
    this.#waiting.delete(jobId)
    this.#others.delete(jobId)
  }

  /** Whether there may be more jobs to do than have been fetched. */
  get isBehind(): boolean {
    return this.#isFull || this.#reserving !== undefined
  }

  /** For a job that is done, before it makes place for another. Resolves at once where there is no backlog. */
  async takeTurn(): Promise<void> {
    if (this.#isEnded || !this.#isFull || performance.now() < this.#pausedUntilMs) return
    this.#reserving ??= this.#reserve().finally(() => {
      this.#reserving = undefined
    })
    // nothing goes ahead of what else has been fetched
    if (this.#others.size > 0) return
    this.#turn ??= within(TURN_MAX_MS, this.#reserving).finally(() => {
      this.#turn = undefined
    })
    await this.#turn
  }

  /** Begins no more batches. Resolves when none is under way. */
  async end(): Promise<void> {
    this.#isEnded = true
    this.#endFetch()
    await this.#reserving
  }

  /**
   * Reserves batch after batch, until one is not full. Two are under way at a time: while the first writes, the second reads
   * what it is going to write. It begins when the first has locked its stock, writes when that is over, and fails with it.
   */
  async #reserve(): Promise<void> {
    const { logger } = this.#app
    // none is before the first
    let over = Promise.resolve(BACKLOG_BATCH_MAX)
    let last = over
    try {
      for (let count = BACKLOG_BATCH_MAX; count === BACKLOG_BATCH_MAX; ) {
        await this.#olderAreDone()
        if (this.#isEnded) break
        const locked = Promise.withResolvers<void>()
        over = last
        last = this.#reserveBatch(locked.resolve, over)
        last.catch(locked.reject)
        ;[count] = await Promise.all([over, locked.promise])
      }
      await last
    } catch (error) {
      this.#pausedUntilMs = performance.now() + PAUSE_MS
      const level = isUnavailable(error) ? 'debug' : 'warn'
      logger[level]({ err: error }, 'orders could not be reserved together, and are left to their jobs')
      await Promise.allSettled([over, last])
    }
  }

  /** What has been fetched, and has its place, is reserved. */
  async #olderAreDone(): Promise<void> {
    if (this.#fetch) {
      await this.#fetch.promise
      // those that get their places begin
      await new Promise(setImmediate)
    }
    await this.#app.groups.reserveInventory.settled()
  }

  /** @returns how many jobs it took out of the queue */
  async #reserveBatch(onLocked: () => void, before: Promise<unknown>): Promise<number> {
    const app = this.#app
    const startedAtMs = performance.now()
    let waiting: Waiting[] = []
    try {
      const taken = await reserveBacklog(app, BACKLOG_BATCH_MAX, {
        // asked when it has taken its own: what is being fetched then may be older
        fetched: async () => {
          await this.#fetch?.promise
          waiting = [...this.#waiting.values()].filter(({ isInBatch }) => !isInBatch)
          for (const each of waiting) each.isInBatch = true
          return waiting.map(({ job }) => job)
        },
        onLocked: async () => {
          onLocked()
          await before
        },
      })
      const durationMs = performance.now() - startedAtMs
      for (const job of taken) {
        app.onJobRun({ ...job, outcome: 'done', durationMs, attemptsMax: JOB_ATTEMPTS_MAX })
      }
      app.tracing?.onJobs(taken, durationMs)
      return taken.length
    } catch (error) {
      for (const each of waiting) each.isInBatch = false
      throw error
    }
  }

  #endFetch(): void {
    this.#fetch?.resolve()
    this.#fetch = undefined
  }
}

/** Waits for `promise`, but not for longer than `ms`. */
async function within(ms: number, promise: Promise<void>): Promise<void> {
  const timeout = new AbortController()
  await Promise.race([promise, sleep(ms, undefined, { signal: timeout.signal }).catch(() => {})])
  timeout.abort()
}
