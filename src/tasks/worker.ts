import { setTimeout as sleep } from 'node:timers/promises'
import { retryWhileUnavailable } from '../database/retry-while-unavailable.ts'
import type { CircuitState } from '../domain/upkeep/service-status.ts'
import { INVARIANTS } from '../sql/upkeep/find-breaches.ts'
import type { Supplier } from '../supplier/contract.ts'
import type { UpkeepContext } from '../use-cases/context.ts'
import type { IntakeContext } from '../use-cases/orders/create-orders.ts'
import { checkNextInvariant } from '../use-cases/upkeep/check-invariants.ts'
import {
  HEARTBEAT_INTERVAL_MS,
  releaseLostJobs,
  rescueJobs,
  retireWorker,
} from '../use-cases/upkeep/rescue-jobs.ts'
import { sweep } from '../use-cases/upkeep/sweep.ts'
import type { TaskApp } from './define-task.ts'
import { createHeadStart } from './head-start.ts'
import { JobPool } from './job-pool.ts'

/** What a worker is handed of the application. It gives the intake its head start while it runs. */
export type WorkerApp = TaskApp & UpkeepContext & IntakeContext

export type WorkerOptions = {
  supplier: Supplier
  databaseUrl: string
  /** Calls to the supplier under way at once. */
  concurrency: number
  /** How often each invariant is checked. */
  reconcileIntervalMs: number
  /** What the supplier's circuit is at this moment, where it has one. */
  circuit?: () => CircuitState
}

/** Between the end of a pool that the database broke and the next. */
const RESTART_DELAY_MS = 500
/** Every fourth round, 8 s, and as often after a loss: looking for lost jobs and unknown workers reads every job. */
const ROUNDS_PER_FULL_RESCUE = 4
/** Every 15th round, 30 s: what a sweep looks for is rare, and it reads the queue whole. */
const ROUNDS_PER_SWEEP = 15

/** Runs the tasks, and runs them again when the database breaks what runs them, until it is stopped. */
export class Worker {
  readonly #app: WorkerApp
  readonly #options: WorkerOptions
  readonly #isStopping = new AbortController()
  #jobs: JobPool | undefined
  #lastBeatAtMs = 0
  /** Rounds that look for all that a lost connection can leave, whichever their turn. */
  #fullRescuesDue = 0
  #supervising: Promise<void> | undefined

  constructor(app: WorkerApp, options: WorkerOptions) {
    this.#app = app
    this.#options = options
  }

  /** Resolves once jobs are taken. @throws when the database cannot be reached this first time */
  async start(): Promise<void> {
    this.#jobs = await this.#startPool()
    await this.#rescue(0)
    this.#app.headStart = createHeadStart(this.#app, () => this.#jobs?.isBehind === false && this.isAlive())
    this.#supervising = this.#supervise()
    // a stop does not wait for these: they may wait for others' locks
    void this.#keepBeating()
    void this.#keepRescuing()
    void this.#keepReconciling()
  }

  /** Whether jobs are taken: it runs, and has reached the database within the last three beats. */
  isAlive(): boolean {
    return this.#jobs !== undefined && performance.now() - this.#lastBeatAtMs < 3 * HEARTBEAT_INTERVAL_MS
  }

  /** Takes no more jobs, finishes those under way and gives back those that wait. */
  async stop(): Promise<void> {
    this.#app.headStart = undefined
    this.#isStopping.abort()
    await this.#supervising
    await this.#end(this.#jobs)
    this.#jobs = undefined
  }

  async #startPool(): Promise<JobPool> {
    const { supplier, databaseUrl, concurrency } = this.#options
    const jobs = await JobPool.start({ app: this.#app, supplier, databaseUrl, concurrency })
    try {
      // at once: whoever holds jobs and never said a word is taken for dead
      await this.#beat(jobs)
      return jobs
    } catch (error) {
      void this.#end(jobs)
      throw error
    }
  }

  /** Stops a pool, and releases what jobs it still holds: those of a pool that broke nobody else would take. */
  async #end(jobs: JobPool | undefined): Promise<void> {
    if (!jobs) return
    await jobs.stop()
    const { signal } = this.#isStopping
    await retryWhileUnavailable(() => retireWorker(this.#app, jobs), { signal }).catch((error) => {
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
      this.#fullRescuesDue = ROUNDS_PER_FULL_RESCUE
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

  /** Beats have a loop and a connection of their own: what else there is to do may wait for locks that others hold. */
  async #keepBeating(): Promise<void> {
    while (!this.#isStopping.signal.aborted) {
      await this.#pause(HEARTBEAT_INTERVAL_MS)
      try {
        if (this.#jobs) await this.#beat(this.#jobs)
        this.#jobs?.endIfStuck()
      } catch (error) {
        this.#app.logger.warn({ err: error }, 'the worker cannot reach the database')
      }
    }
  }

  async #beat(jobs: JobPool): Promise<void> {
    await jobs.beat(this.#options.circuit?.() ?? null)
    this.#lastBeatAtMs = performance.now()
  }

  async #keepRescuing(): Promise<void> {
    for (let round = 1; !this.#isStopping.signal.aborted; round++) {
      await this.#pause(HEARTBEAT_INTERVAL_MS)
      try {
        if (!this.#isStopping.signal.aborted) await this.#rescue(round)
      } catch (error) {
        this.#app.logger.warn({ err: error }, 'could not look for lost work, will try again')
      }
    }
  }

  async #rescue(round: number): Promise<void> {
    const isFull = round % ROUNDS_PER_FULL_RESCUE === 0 || this.#fullRescuesDue > 0
    const jobs = this.#jobs
    if (jobs && isFull) await releaseLostJobs(this.#app, jobs, jobs.heldIds)
    await rescueJobs(this.#app, { alsoUnknown: isFull })
    this.#fullRescuesDue = Math.max(this.#fullRescuesDue - 1, 0)
    if (round % ROUNDS_PER_SWEEP === ROUNDS_PER_SWEEP - 1) await sweep(this.#app)
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
