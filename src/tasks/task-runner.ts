import { EventEmitter } from 'node:events'
import { Logger as GraphileLogger, run, type TaskList, type WorkerEvents } from 'graphile-worker'
import type pg from 'pg'
import type { Logger } from 'pino'
import { releaseUnheldJobs } from '../sql/queue/release-jobs.ts'

export type TaskRunnerOptions = {
  tasks: TaskList
  /** Jobs in flight at once. As many more are fetched ahead. */
  concurrency: number
  connections: pg.Pool
  logger: Logger
  /** How late a scheduled job may be. */
  pollIntervalMs: number
  /** After a fetch that was not full, the next one waits for about this long, whatever notifications arrive. */
  refetchDelayMs: number
  /** How long graphile-worker waits for jobs in flight when it stops. */
  stopTimeoutMs: number
}

/** Completing a job late may run it again after a crash, which is harmless; a commit for each job would be costly. */
const COMPLETE_BATCH_DELAY_MS = 5
/** Each poll fetches, within milliseconds: without a fetch for this long the runner is stuck. */
const FETCH_SILENCE_MAX_MS = 5_000

/** A runner of graphile-worker, for some of the tasks. */
export type TaskRunner = Awaited<ReturnType<typeof startTaskRunner>>

/** Starts to take jobs. @throws when the database cannot be reached */
export async function startTaskRunner(options: TaskRunnerOptions) {
  const { tasks, concurrency, connections, logger, pollIntervalMs, refetchDelayMs, stopTimeoutMs } = options
  const events: WorkerEvents = new EventEmitter()
  const held = new Map<string, string>()
  const ended = Promise.withResolvers<void>()
  let id = ''
  events.on('pool:create', ({ workerPool }) => {
    id = workerPool.id
  })
  // not by the runner's promise alone: it never settles after a batch failed on a lost connection
  events.on('pool:gracefulShutdown', () => ended.resolve())
  events.on('pool:fatalError', () => ended.resolve())
  // undefined while all that was fetched waits for a free slot: then nothing more is fetched
  let silentSinceMs: number | undefined = performance.now()
  // nothing is known before the first fetch
  let isLastFetchFull = true
  let isReleased = false
  events.on('localQueue:setMode', ({ newMode }) => {
    isReleased = newMode === 'RELEASED'
    silentSinceMs = newMode === 'POLLING' ? performance.now() : undefined
  })
  events.on('localQueue:getJobs:complete', ({ jobs }) => {
    if (silentSinceMs !== undefined) silentSinceMs = performance.now()
    isLastFetchFull = jobs.length >= concurrency
    for (const job of jobs) held.set(job.id, job.task_identifier)
  })
  events.on('localQueue:returnJobs', ({ jobs }) => {
    for (const job of jobs) held.delete(job.id)
    if (!isReleased) return
    // graphile-worker throws to nobody when it stops and cannot give jobs back, which would end the process. What fails
    // here is released when this worker is retired
    jobs.length = 0
    releaseUnheldJobs(connections, [id], [...held.keys()], 0).catch((error) =>
      logger.debug({ err: error }, 'jobs not given back yet'),
    )
  })
  events.on('job:complete', ({ job }) => held.delete(job.id))
  const runner = await run({
    pgPool: connections,
    concurrency,
    pollInterval: pollIntervalMs,
    // the server owns the signals
    noHandleSignals: true,
    taskList: tasks,
    events,
    logger: new GraphileLogger(() => (level, message, meta) => {
      // it logs each failed job at length; define-task.ts has logged it in one line
      // what fails once it stops is released with its other jobs
      const isNews = level === 'error' && meta?.failure !== true && !isReleased
      logger[isNews ? 'error' : 'debug'](meta?.error ? { err: meta.error } : {}, message)
    }),
    preset: {
      worker: {
        // a job that waits for the database may wait until the stop's time limit
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
  return {
    /** The id of its pool, in `locked_by` of its jobs. */
    id,
    /** The task of each job it has received and not finished, by job id. */
    held,
    ended: ended.promise,
    /** Whether more jobs may be due than it has fetched: the last fetch was full, or its jobs wait for a free slot. */
    isBehind: () => isLastFetchFull || silentSinceMs === undefined,
    /** Whether it has stopped fetching jobs, as it does if its first look at the names of tasks fails. */
    isStuck: () => silentSinceMs !== undefined && performance.now() - silentSinceMs > FETCH_SILENCE_MAX_MS,
    /** Takes no more jobs, finishes those in flight and gives back the others, within the time limit. */
    stop: () => runner.stop().catch(() => {}),
  }
}
