import { retryWhileUnavailable } from '../../database/retry-while-unavailable.ts'
import { retireWorker } from '../../use-cases/upkeep/rescue-jobs.ts'
import { type JobPool, type JobPoolOptions, startJobPool } from '../job-pool.ts'
import { pause } from './pause.ts'

/** Pause between a pool that ended and the next. */
const RESTART_DELAY_MS = 500

export type PoolSupervisorOptions = JobPoolOptions & {
  /** Says that a pool is alive. */
  beat: (pool: JobPool) => Promise<void>
  /** Hears that a pool has ended by itself, and may have left jobs behind. */
  onLoss: () => void
  /** Ends the supervision. */
  signal: AbortSignal
}

/** Has a pool of jobs run, and another when the database breaks it. */
export class PoolSupervisor {
  readonly #options: PoolSupervisorOptions
  #current: JobPool | undefined

  constructor(options: PoolSupervisorOptions) {
    this.#options = options
  }

  /** The pool that takes jobs at this moment; undefined between two. */
  get current(): JobPool | undefined {
    return this.#current
  }

  /** Starts the first pool. @throws when the database cannot be reached */
  async start(): Promise<void> {
    this.#current = await this.#startPool()
  }

  /** Starts the next pool each time that one has ended by itself, until the signal. */
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
      // not awaited: what it waits for may never come
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

  /** Ends the current pool: it takes no more jobs, finishes those under way and gives back those that wait. */
  async stop(): Promise<void> {
    await this.#end(this.#current)
    this.#current = undefined
  }

  async #startPool(): Promise<JobPool> {
    const pool = await startJobPool(this.#options)
    try {
      // at once: a worker that holds jobs without a heartbeat counts as dead
      await this.#options.beat(pool)
      return pool
    } catch (error) {
      void this.#end(pool)
      throw error
    }
  }

  /** Stops a pool and releases the jobs it still holds: nobody else would take the jobs of a broken pool. */
  async #end(pool: JobPool | undefined): Promise<void> {
    if (!pool) return
    const { app, signal } = this.#options
    await pool.stop()
    await retryWhileUnavailable(() => retireWorker(app, pool), { signal }).catch((error) => {
      app.logger.warn({ err: error }, 'worker row not removed: its silence will tell')
    })
  }
}
