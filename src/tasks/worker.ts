import { EventEmitter } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { Logger as GraphileLogger, type Runner, run, type WorkerEvents } from 'graphile-worker'
import pg from 'pg'
import type { App } from '../app.ts'
import { beat, forgetWorkers } from '../sql/rescue-jobs.ts'
import type { Supplier } from '../supplier/contract.ts'
import { HEARTBEAT_INTERVAL_MS, rescueJobs } from '../use-cases/rescue-jobs.ts'
import { sweep } from '../use-cases/sweep.ts'
import { createTaskList } from './task-list.ts'

export type WorkerOptions = {
  supplier: Supplier
  databaseUrl: string
  /** Jobs under way at once. Most wait for the transaction that they share, so it costs little to have many. */
  concurrency: number
}

/** Jobs that are due later are found by polling alone. An idle worker polls for about 1 % of a core. */
const POLL_INTERVAL_MS = 100
/** Fetching, completing, failing and listening: none waits for another. */
const POOL_SIZE = 4
/**
 * With a sort at hand, PostgreSQL reads and sorts every ready job at each fetch; without one it reads the first few by
 * their index: 3 ms instead of 7 with 20,000 jobs waiting.
 */
const FETCH_BY_INDEX = '-c enable_sort=off'
/** A job that is completed a moment late may run again after a crash, which is harmless; a commit a job is not. */
const COMPLETE_BATCH_DELAY_MS = 5
/** Between the end of a pool that the database broke and the next. */
const RESTART_DELAY_MS = 500
/** Every fourth beat, 8 s: looking for jobs of unknown workers reads every job. */
const BEATS_PER_FULL_RESCUE = 4
/** Every 15th beat, 30 s: what a sweep looks for is rare, and it reads the queue whole. */
const BEATS_PER_SWEEP = 15

/** Runs the tasks, and runs them again when the database breaks what runs them, until it is stopped. */
export class Worker {
  readonly #app: App
  readonly #options: WorkerOptions
  readonly #pool: pg.Pool
  #runner: Runner | undefined
  #poolId: string | undefined
  #lastBeatAtMs = 0
  #isStopping = new AbortController()
  #loops: Promise<unknown> | undefined

  constructor(app: App, options: WorkerOptions) {
    this.#app = app
    this.#options = options
    this.#pool = new pg.Pool({
      connectionString: options.databaseUrl,
      application_name: 'holdfast-worker',
      max: POOL_SIZE,
      keepAlive: true,
      options: FETCH_BY_INDEX,
    })
    // an error that nobody listens to would end the process
    this.#pool.on('error', () => {})
    this.#pool.on('connect', (client) => {
      client.on('error', (error) => app.logger.warn({ err: error }, 'the worker lost a connection'))
    })
  }

  /** Resolves once jobs are taken. @throws when the database cannot be reached this first time */
  async start(): Promise<void> {
    await this.#run()
    this.#loops = Promise.all([this.#supervise(), this.#keepBeating()])
    await this.#beat(0)
  }

  /** Whether jobs are taken: it runs, and has reached the database within the last three beats. */
  isAlive(): boolean {
    return this.#runner !== undefined && performance.now() - this.#lastBeatAtMs < 3 * HEARTBEAT_INTERVAL_MS
  }

  /** Takes no more jobs, finishes those under way and gives back those that wait. */
  async stop(): Promise<void> {
    this.#isStopping.abort()
    await this.#runner?.stop().catch(() => {})
    await this.#loops
    this.#runner = undefined
    await this.#pool.end().catch(() => {})
    if (this.#poolId) await forgetWorkers(this.#app.pool, [this.#poolId]).catch(() => {})
  }

  async #run(): Promise<void> {
    const { concurrency, supplier } = this.#options
    const events: WorkerEvents = new EventEmitter()
    events.on('pool:create', ({ workerPool }) => {
      this.#poolId = workerPool.id
    })
    this.#runner = await run({
      pgPool: this.#pool,
      concurrency,
      pollInterval: POLL_INTERVAL_MS,
      // the server owns the signals
      noHandleSignals: true,
      taskList: createTaskList({ app: this.#app, supplier }),
      events,
      logger: new GraphileLogger(() => (level, message, meta) => {
        // it tells of every failed job at its length; define-task.ts has said so in one line
        const isNews = level === 'error' && !message.startsWith('Failed task')
        this.#app.logger[isNews ? 'error' : 'debug']({ ...pickError(meta) }, message)
      }),
      preset: {
        worker: {
          localQueue: { size: concurrency },
          completeJobBatchDelay: COMPLETE_BATCH_DELAY_MS,
          failJobBatchDelay: COMPLETE_BATCH_DELAY_MS,
        },
      },
    })
  }

  async #supervise(): Promise<void> {
    while (!this.#isStopping.signal.aborted) {
      await this.#runner?.promise.catch((error) => this.#app.logger.error({ err: error }, 'the worker broke'))
      if (this.#isStopping.signal.aborted) return
      this.#runner = undefined
      this.#app.logger.warn('the worker ended by itself and is started again')
      await this.#pause(RESTART_DELAY_MS)
      try {
        if (!this.#isStopping.signal.aborted) await this.#run()
      } catch (error) {
        this.#app.logger.warn({ err: error }, 'the worker cannot start, will try again')
      }
    }
    // stopped in the moment between two runs
    await this.#runner?.stop().catch(() => {})
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
    if (this.#runner && this.#poolId) await beat(this.#app.pool, this.#poolId)
    await rescueJobs(this.#app, { alsoUnknown: beats % BEATS_PER_FULL_RESCUE === 0 })
    if (beats % BEATS_PER_SWEEP === BEATS_PER_SWEEP - 1) await sweep(this.#app)
    this.#lastBeatAtMs = performance.now()
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#isStopping.signal }).catch(() => {})
  }
}

function pickError(meta: { [key: string]: unknown } | undefined): { err?: unknown } {
  return meta?.error ? { err: meta.error } : {}
}
