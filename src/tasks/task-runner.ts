import { EventEmitter } from 'node:events'
import { Logger as GraphileLogger, type Runner, run, type TaskList, type WorkerEvents } from 'graphile-worker'
import type pg from 'pg'
import type { Logger } from 'pino'

export type TaskRunnerOptions = {
  tasks: TaskList
  /** Jobs in flight at once. As many more are fetched ahead. */
  concurrency: number
  connections: pg.Pool
  /** Whether a connection was lost. */
  isBroken: () => boolean
  logger: Logger
  /** After a fetch that was not full, the next one waits for about this long, whatever notifications arrive. */
  refetchDelayMs: number
  /** How long graphile-worker waits for jobs in flight when it stops. */
  stopTimeoutMs: number
}

/** Only polling finds scheduled jobs. It costs an idle worker about 1 % of a core. */
const POLL_INTERVAL_MS = 100
/** Completing a job late may run it again after a crash, which is harmless; a commit for each job would be costly. */
const COMPLETE_BATCH_DELAY_MS = 5
/** Each poll fetches, within milliseconds: without a fetch for this long the runner is stuck. */
const FETCH_SILENCE_MAX_MS = 5_000

/** A runner of graphile-worker, for some of the tasks. */
export class TaskRunner {
  /** The id of graphile-worker's pool, which `locked_by` of its jobs names. */
  readonly id: string
  /** The task of each job that was received and is not finished, by job id. */
  readonly held: ReadonlyMap<string, string>
  /** Resolves when the runner fetches no more jobs. */
  readonly ended: Promise<void>
  readonly #runner: Runner
  readonly #silentSinceMs: () => number | undefined
  readonly #isLastFetchFull: () => boolean

  private constructor(
    id: string,
    held: ReadonlyMap<string, string>,
    ended: Promise<void>,
    {
      runner,
      silentSinceMs,
      isLastFetchFull,
    }: { runner: Runner; silentSinceMs: () => number | undefined; isLastFetchFull: () => boolean },
  ) {
    this.id = id
    this.held = held
    this.ended = ended
    this.#runner = runner
    this.#silentSinceMs = silentSinceMs
    this.#isLastFetchFull = isLastFetchFull
  }

  /** Starts to fetch jobs. @throws if the database cannot be reached */
  static async start(options: TaskRunnerOptions): Promise<TaskRunner> {
    const { tasks, concurrency, connections, isBroken, logger, refetchDelayMs, stopTimeoutMs } = options
    const events: WorkerEvents = new EventEmitter()
    const held = new Map<string, string>()
    const ended = Promise.withResolvers<void>()
    let id = ''
    events.on('pool:create', ({ workerPool }) => {
      id = workerPool.id
    })
    // the runner's promise is not enough: it never resolves if a batch failed on a lost connection
    events.on('pool:gracefulShutdown', () => ended.resolve())
    events.on('pool:fatalError', () => ended.resolve())
    // undefined while fetched jobs wait for a free slot: graphile-worker does not fetch then
    let silentSinceMs: number | undefined = performance.now()
    // until the first fetch the queue may hold any number of jobs
    let isLastFetchFull = true
    events.on('localQueue:setMode', ({ newMode }) => {
      silentSinceMs = newMode === 'POLLING' ? performance.now() : undefined
    })
    events.on('localQueue:getJobs:complete', ({ jobs }) => {
      if (silentSinceMs !== undefined) silentSinceMs = performance.now()
      isLastFetchFull = jobs.length >= concurrency
      for (const job of jobs) held.set(job.id, job.task_identifier)
    })
    events.on('localQueue:returnJobs', ({ jobs }) => {
      for (const job of jobs) held.delete(job.id)
      // a failed return may throw where nobody catches it, and end the process: `retireWorker` returns these jobs instead
      if (isBroken()) jobs.length = 0
    })
    events.on('job:complete', ({ job }) => held.delete(job.id))
    const runner = await run({
      pgPool: connections,
      concurrency,
      pollInterval: POLL_INTERVAL_MS,
      // the server owns the signals
      noHandleSignals: true,
      taskList: tasks,
      events,
      logger: new GraphileLogger(() => (level, message, meta) => {
        // graphile-worker logs each failed job at length; define-task.ts has logged it in one line
        const isNews = level === 'error' && meta?.failure !== true
        logger[isNews ? 'error' : 'debug'](meta?.error ? { err: meta.error } : {}, message)
      }),
      preset: {
        worker: {
          // a job may wait for the database until the stop's time limit
          gracefulShutdownAbortTimeout: stopTimeoutMs,
          localQueue: {
            size: concurrency,
            refetchDelay: {
              durationMs: refetchDelayMs,
              threshold: concurrency - 1,
              maxAbortThreshold: Infinity,
            },
          },
          completeJobBatchDelay: COMPLETE_BATCH_DELAY_MS,
          failJobBatchDelay: COMPLETE_BATCH_DELAY_MS,
        },
      },
    })
    runner.promise.catch(() => {}).finally(() => ended.resolve())
    return new TaskRunner(id, held, ended.promise, {
      runner,
      silentSinceMs: () => silentSinceMs,
      isLastFetchFull: () => isLastFetchFull,
    })
  }

  /** Whether the queue may hold more jobs than we fetched: the last fetch was full, or its jobs wait for a free slot. */
  get isBehind(): boolean {
    return this.#isLastFetchFull() || this.#silentSinceMs() === undefined
  }

  /** Whether graphile-worker has stopped fetching, as it does if its first query for the names of tasks fails. */
  isStuck(): boolean {
    const since = this.#silentSinceMs()
    return since !== undefined && performance.now() - since > FETCH_SILENCE_MAX_MS
  }

  /** Stops fetching, finishes the jobs in flight and gives back the others, within the time limit. */
  async stop(): Promise<void> {
    await this.#runner.stop().catch(() => {})
  }
}
