import { retryWhileUnavailable } from '../../database/retry-while-unavailable.ts'
import type { CircuitState } from '../../domain/upkeep/service-status.ts'
import { HEARTBEAT_INTERVAL_MS, retireWorker } from '../../use-cases/upkeep/rescue-jobs.ts'
import { createJobPool, type JobPool, type JobPoolOptions } from '../job-pool.ts'
import { pause } from './pause.ts'

/**
 * From the loss of a pool to the release of its jobs and the start of the next. By then PostgreSQL has ended the pool's statements: what
 * a fetch takes after the release would stay held.
 */
export const RESTART_DELAY_MS = 500

export type PoolSupervisorOptions = JobPoolOptions & {
  /** Returns the current state of the supplier's circuit, if it has one. */
  circuit?: (() => CircuitState) | undefined
  /** Hears that a pool has ended by itself, and may have left jobs behind. */
  onLoss: () => void
}

/**
 * Has a pool of jobs run, and another when the database breaks it. Says in the database that it is alive: a worker that is
 * silent has its jobs taken from it.
 */
export class PoolSupervisor {
  readonly #options: PoolSupervisorOptions
  #current: JobPool | undefined
  #lastBeatAtMs = 0
  #sendsWebhooks = false

  constructor(options: PoolSupervisorOptions) {
    this.#options = options
  }

  /** The pool that fetches jobs at this moment; undefined between two pools. */
  get current(): JobPool | undefined {
    return this.#current
  }

  /** Whether a pool takes jobs, and wrote a heartbeat within the last three intervals. */
  isAlive(): boolean {
    return this.#current !== undefined && performance.now() - this.#lastBeatAtMs < 3 * HEARTBEAT_INTERVAL_MS
  }

  /** Starts the first pool. @throws when the database cannot be reached */
  async start(): Promise<void> {
    this.#current = await this.#startPool()
  }

  /** Starts the next pool whenever one has ended by itself, until the signal. */
  async supervise(): Promise<void> {
    const { app, onLoss, signal } = this.#options
    const stopping = new Promise((resolve) => signal.addEventListener('abort', resolve))
    while (!signal.aborted) {
      await Promise.race([this.#current?.ended, stopping])
      if (signal.aborted) return
      const broken = this.#current
      this.#current = undefined
      onLoss()
      app.logger.warn('worker ended by itself, restarting')
      await pause(RESTART_DELAY_MS, signal)
      // not awaited: its jobs cannot be released before the database is back
      void this.#end(broken)
      while (!this.#current && !signal.aborted) {
        try {
          this.#current = await this.#startPool()
        } catch (error) {
          app.logger.warn({ err: error }, 'worker start failed, retrying')
          await pause(RESTART_DELAY_MS, signal)
        }
      }
    }
  }

  /**
   * Beats until the signal, and once more then. In a loop and on a connection of its own: what else there is to do may wait
   * for locks that others hold.
   */
  async keepBeating(): Promise<void> {
    const { app, signal } = this.#options
    while (!signal.aborted) {
      await pause(HEARTBEAT_INTERVAL_MS, signal)
      try {
        if (this.#current) await this.#beat(this.#current)
        this.#current?.endIfStuck()
      } catch (error) {
        app.logger.warn({ err: error }, 'heartbeat failed: database not reached')
      }
    }
  }

  /** Has the current pool and those after it send webhooks. Once is enough. */
  async sendWebhooks(): Promise<void> {
    this.#sendsWebhooks = true
    if (this.#options.signal.aborted) return
    if (this.#current) await this.#startWebhooks(this.#current)
  }

  /** Ends the current pool: it takes no more jobs, finishes those under way and gives back those that wait. */
  async stop(): Promise<void> {
    await this.#end(this.#current)
    this.#current = undefined
  }

  async #startPool(): Promise<JobPool> {
    const pool = createJobPool(this.#options)
    try {
      await pool.start()
      // at once: a worker that holds jobs without a heartbeat counts as dead
      await this.#beat(pool)
      if (this.#sendsWebhooks) await this.#startWebhooks(pool)
      return pool
    } catch (error) {
      pool.leave()
      void pause(RESTART_DELAY_MS, this.#options.signal).then(() => this.#end(pool))
      throw error
    }
  }

  async #startWebhooks(pool: JobPool): Promise<void> {
    // a beat at once, which names the runner: jobs that nobody seems to hold are taken away
    if (await pool.startWebhooks()) await this.#beat(pool)
  }

  async #beat(pool: JobPool): Promise<void> {
    await pool.beat(this.#options.circuit?.() ?? null)
    this.#lastBeatAtMs = performance.now()
  }

  /** Stops a pool and releases the jobs it still holds: nobody else would take the jobs of a broken pool. */
  async #end(pool: JobPool | undefined): Promise<void> {
    if (!pool) return
    const { app, signal } = this.#options
    await pool.stop()
    // no runner was started: it has fetched no job, and the database knows nothing of it
    if (pool.worker.poolIds.length === 0) return
    await retryWhileUnavailable(() => retireWorker(app, pool.worker), { signal }).catch((error) => {
      app.logger.warn({ err: error }, 'worker row not removed, its heartbeat expires')
    })
  }
}
