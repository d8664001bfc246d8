import { retryWhileUnavailable } from '../../database/retry-while-unavailable.ts'
import { retireWorker } from '../../use-cases/upkeep/rescue-jobs.ts'
import { JobPool, type JobPoolOptions } from '../job-pool.ts'
import { pause } from './pause.ts'

/** Pause between the end of a pool and the start of the next. */
const RESTART_DELAY_MS = 500

export type PoolSupervisorOptions = JobPoolOptions & {
  /** Writes a pool's heartbeat. */
  beat: (pool: JobPool) => Promise<void>
  /** Called when a pool has ended by itself: it may still hold jobs. */
  onLoss: () => void
  /** Ends the supervision. */
  signal: AbortSignal
}

/** Keeps one job pool running: starts the next when the database breaks one. */
export class PoolSupervisor {
  readonly #options: PoolSupervisorOptions
  #current: JobPool | undefined

  constructor(options: PoolSupervisorOptions) {
    this.#options = options
  }

  /** The pool that fetches jobs at this moment; undefined between two pools. */
  get current(): JobPool | undefined {
    return this.#current
  }

  /** Starts the first pool. @throws if the database cannot be reached */
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
      // not awaited: a broken pool may never stop
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

  /** Ends the current pool: it stops fetching, finishes the jobs in flight and gives back the others. */
  async stop(): Promise<void> {
    await this.#end(this.#current)
    this.#current = undefined
  }

  async #startPool(): Promise<JobPool> {
    const pool = await JobPool.start(this.#options)
    try {
      // at once, because a worker that holds jobs without a heartbeat counts as dead
      await this.#options.beat(pool)
      return pool
    } catch (error) {
      void this.#end(pool)
      throw error
    }
  }

  /** Stops a pool and releases the jobs that it still holds in the database. */
  async #end(pool: JobPool | undefined): Promise<void> {
    if (!pool) return
    const { app, signal } = this.#options
    await pool.stop()
    await retryWhileUnavailable(() => retireWorker(app, pool), { signal }).catch((error) => {
      app.logger.warn({ err: error }, 'worker row not removed, its heartbeat expires')
    })
  }
}
