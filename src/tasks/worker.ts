import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { App } from '../app.ts'
import { retryWhileUnavailable } from '../database/retry-while-unavailable.ts'
import { QUERY_TIMEOUT_MS } from '../limits.ts'
import { INVARIANTS } from '../sql/find-breaches.ts'
import { beat } from '../sql/rescue-jobs.ts'
import type { Supplier } from '../supplier/contract.ts'
import { checkNextInvariant } from '../use-cases/check-invariants.ts'
import { HEARTBEAT_INTERVAL_MS, releaseLostJobs, rescueJobs, retireWorker } from '../use-cases/rescue-jobs.ts'
import { sweep } from '../use-cases/sweep.ts'
import { JobPool } from './job-pool.ts'

export type WorkerOptions = {
  supplier: Supplier
  databaseUrl: string
  /** Jobs under way at once. */
  concurrency: number
  /** How often each invariant is checked. */
  reconcileIntervalMs: number
}

/** Fetching, completing, failing and listening: none waits for another. */
const POOL_SIZE = 4
/**
 * With a sort at hand, PostgreSQL reads and sorts every ready job at each fetch; without one it reads the first few by
 * their index: 3 ms instead of 7 with 20,000 jobs waiting.
 */
const FETCH_BY_INDEX = '-c enable_sort=off'
/** Between the end of a pool that the database broke and the next. */
const RESTART_DELAY_MS = 500
/** Every fourth beat, 8 s, and as often after a loss: looking for lost jobs and unknown workers reads every job. */
const BEATS_PER_FULL_RESCUE = 4
/** Every 15th beat, 30 s: what a sweep looks for is rare, and it reads the queue whole. */
const BEATS_PER_SWEEP = 15

/** Runs the tasks, and runs them again when the database breaks what runs them, until it is stopped. */
export class Worker {
  readonly #app: App
  readonly #options: WorkerOptions
  readonly #pool: pg.Pool
  readonly #isStopping = new AbortController()
  #jobs: JobPool | undefined
  #lastBeatAtMs = 0
  /** Beats that look for all that a lost connection can leave, whichever their turn. */
  #fullRescuesDue = 0
  #loops: Promise<unknown> | undefined

  constructor(app: App, options: WorkerOptions) {
    this.#app = app
    this.#options = options
    this.#pool = new pg.Pool({
      connectionString: options.databaseUrl,
      application_name: 'holdfast-worker',
      max: POOL_SIZE,
      query_timeout: QUERY_TIMEOUT_MS,
      keepAlive: true,
      options: FETCH_BY_INDEX,
    })
    // an error that nobody listens to would end the process
    this.#pool.on('error', () => {})
    this.#pool.on('connect', (client) => {
      client.on('error', (error) => {
        app.logger.warn({ err: error }, 'the worker lost a connection')
        this.#fullRescuesDue = BEATS_PER_FULL_RESCUE
        this.#jobs?.giveUp()
      })
    })
  }

  /** Resolves once jobs are taken. @throws when the database cannot be reached this first time */
  async start(): Promise<void> {
    this.#jobs = await this.#startPool()
    this.#loops = Promise.all([this.#supervise(), this.#keepBeating(), this.#keepReconciling()])
    await this.#beat(0)
  }

  /** Whether jobs are taken: it runs, and has reached the database within the last three beats. */
  isAlive(): boolean {
    return this.#jobs !== undefined && performance.now() - this.#lastBeatAtMs < 3 * HEARTBEAT_INTERVAL_MS
  }

  /** Takes no more jobs, finishes those under way and gives back those that wait. */
  async stop(): Promise<void> {
    this.#isStopping.abort()
    await this.#loops
    await this.#end(this.#jobs)
    this.#jobs = undefined
    await this.#pool.end().catch(() => {})
  }

  #startPool(): Promise<JobPool> {
    const { supplier, concurrency } = this.#options
    return JobPool.start({ app: this.#app, supplier, pool: this.#pool, concurrency })
  }

  /** Stops a pool, and releases what jobs it still holds: those of a pool that broke nobody else would take. */
  async #end(jobs: JobPool | undefined): Promise<void> {
    if (!jobs) return
    await jobs.stop()
    const { signal } = this.#isStopping
    await retryWhileUnavailable(() => retireWorker(this.#app, jobs.id), { signal }).catch((error) => {
      this.#app.logger.warn({ err: error }, 'a worker that ended is left to its silence')
    })
  }

  async #supervise(): Promise<void> {
    const stopping = new Promise((resolve) => this.#isStopping.signal.addEventListener('abort', resolve))
    while (!this.#isStopping.signal.aborted) {
      await Promise.race([this.#jobs?.ended, stopping])
      if (this.#isStopping.signal.aborted) return
      const broken = this.#jobs
      this.#jobs = undefined
      this.#app.logger.warn('the worker ended by itself and is started again')
      await this.#pause(RESTART_DELAY_MS)
      // beside the next: what it waits for may never come
      void this.#end(broken)
      while (!this.#jobs && !this.#isStopping.signal.aborted) {
        try {
          this.#jobs = await this.#startPool()
        } catch (error) {
          this.#app.logger.warn({ err: error }, 'the worker cannot start, will try again')
          await this.#pause(RESTART_DELAY_MS)
        }
      }
    }
  }

  async #keepBeating(): Promise<void> {
    for (let beats = 1; !this.#isStopping.signal.aborted; beats++) {
      await this.#pause(HEARTBEAT_INTERVAL_MS)
      try {
        if (!this.#isStopping.signal.aborted) await this.#beat(beats)
      } catch (error) {
        this.#app.logger.warn({ err: error }, 'the worker cannot reach the database')
      }
    }
  }

  async #beat(beats: number): Promise<void> {
    const isFull = beats % BEATS_PER_FULL_RESCUE === 0 || this.#fullRescuesDue > 0
    const jobs = this.#jobs
    if (jobs) {
      await beat(this.#app.pool, jobs.id)
      if (isFull) await releaseLostJobs(this.#app, jobs.id, jobs.held)
    }
    await rescueJobs(this.#app, { alsoUnknown: isFull })
    this.#fullRescuesDue = Math.max(this.#fullRescuesDue - 1, 0)
    if (beats % BEATS_PER_SWEEP === BEATS_PER_SWEEP - 1) await sweep(this.#app)
    this.#lastBeatAtMs = performance.now()
  }

  /** Beside the beats: a check of a large table takes longer than the silence after which a worker counts as dead. */
  async #keepReconciling(): Promise<void> {
    const { reconcileIntervalMs: intervalMs } = this.#options
    const { signal } = this.#isStopping
    // the load of a round is spread over the interval; twice as often as one is due, so that none is late by much
    const lookIntervalMs = intervalMs / (2 * INVARIANTS.length)
    while (!signal.aborted) {
      await this.#pause(lookIntervalMs)
      try {
        if (!signal.aborted) await checkNextInvariant(this.#app, intervalMs, signal)
      } catch (error) {
        if (!signal.aborted) this.#app.logger.error({ err: error }, 'an invariant could not be checked')
      }
    }
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#isStopping.signal }).catch(() => {})
  }
}
