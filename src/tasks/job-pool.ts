import { EventEmitter } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { Logger as GraphileLogger, type Runner, run, type WorkerEvents } from 'graphile-worker'
import pg from 'pg'
import { createPool } from '../database/connections.ts'
import type { CircuitState } from '../domain/service-status.ts'
import { CONNECT_TIMEOUT_MS, STATEMENT_TIMEOUT_MS } from '../limits.ts'
import { isQueueThere } from '../sql/is-queue-there.ts'
import { beat } from '../sql/rescue-jobs.ts'
import { typeParsers } from '../sql/statement.ts'
import { Backlog } from './backlog.ts'
import type { TaskContext } from './define-task.ts'
import { createTaskList } from './task-list.ts'

export type JobPoolOptions = Omit<TaskContext, 'backlog'> & {
  databaseUrl: string
  /** Jobs under way at once. Most wait for the transaction that they share, so it costs little to have many. */
  concurrency: number
}

/** Fetching, completing, failing, listening and beating: none waits for another. */
const POOL_SIZE = 5
/**
 * The one cost setting that is left: the statement is graphile-worker's, and no form of it leaves the planner no choice.
 * With a sort at hand, PostgreSQL reads and sorts every ready job at each fetch; without one it reads the first few by
 * their index: 3 ms instead of 7 with 20,000 jobs waiting.
 */
const FETCH_BY_INDEX = { enable_sort: 'off' }
/** Jobs that are due later are found by polling alone. An idle worker polls for about 1 % of a core. */
const POLL_INTERVAL_MS = 100
/** A job has four times that nobody looks at, and would keep them for as long as it runs. With a crontab somebody would. */
const TYPES = typeParsers({ [pg.types.builtins.TIMESTAMPTZ]: () => null })
/** Where graphile-worker hears that jobs were written, and how many. */
const JOBS_CHANNEL = 'jobs:insert'
/** What makes it look for none. */
const NO_JOBS = '{"count":0}'
/** A job that is completed a moment late may run again after a crash, which is harmless; a commit a job is not. */
const COMPLETE_BATCH_DELAY_MS = 5
/** graphile-worker waits for what is under way; after a lost connection it may wait for ever. */
const STOP_TIMEOUT_MS = 6_000
/** What a broken pool still holds is to be free again soon, though a call to the supplier be made twice for it. */
const BROKEN_STOP_TIMEOUT_MS = 2_000

/**
 * One life of graphile-worker's pool of workers, with connections of its own. It ends when it is stopped, or with the
 * first connection that it loses: then a new one is needed, and this one's jobs have to be released.
 *
 * graphile-worker would go on after some of the losses, but not soon or not ever: it waits from 3 s up after 57P03,
 * EHOSTUNREACH and ETIMEDOUT, never tries a failed completion again, and fetches nothing more once its first look at
 * the names of tasks has failed.
 */
export class JobPool {
  /** Jobs carry it in `locked_by`. */
  readonly id: string
  /** The jobs that have reached it and that it has not finished with: the task of each, by its id. */
  readonly held: ReadonlyMap<string, string>
  /** Resolves when it takes no more jobs. */
  readonly ended: Promise<void>
  readonly #isBroken: () => boolean
  readonly #runner: Runner
  readonly #backlog: Backlog
  readonly #connections: pg.Pool

  private constructor(
    id: string,
    held: ReadonlyMap<string, string>,
    life: { ended: Promise<void>; isBroken: () => boolean },
    { runner, backlog, connections }: { runner: Runner; backlog: Backlog; connections: pg.Pool },
  ) {
    this.id = id
    this.held = held
    this.ended = life.ended
    this.#isBroken = life.isBroken
    this.#runner = runner
    this.#backlog = backlog
    this.#connections = connections
  }

  /** Starts to take jobs. @throws when the database cannot be reached */
  static async start({ app, supplier, databaseUrl, concurrency }: JobPoolOptions): Promise<JobPool> {
    // graphile-worker makes its schema where it finds none: in a database that is being restored it would be in the way
    if (!(await isQueueThere(app.pool))) throw new Error('The tables of graphile-worker are not there')
    const events: WorkerEvents = new EventEmitter()
    const held = new Map<string, string>()
    const ended = Promise.withResolvers<void>()
    let isBroken = false
    const backlog = new Backlog(app)
    const giveUp = () => {
      isBroken = true
      ended.resolve()
    }
    const connections = connect(databaseUrl, (error) => {
      app.logger.warn({ err: error }, 'the worker lost a connection')
      giveUp()
    })
    let id = ''
    events.on('pool:create', ({ workerPool }) => {
      id = workerPool.id
    })
    // not only by the runner's promise: after a batch that failed on a lost connection it never settles
    events.on('pool:gracefulShutdown', () => ended.resolve())
    events.on('pool:fatalError', giveUp)
    events.on('pool:listen:notification', ({ message }) => {
      if (message.channel === JOBS_CHANNEL && app.headStart.takeExpected(countOf(message.payload)))
        message.payload = NO_JOBS
    })
    events.on('localQueue:getJobs:complete', ({ jobs }) => {
      for (const job of jobs) held.set(job.id, job.task_identifier)
      backlog.onFetch(jobs, jobs.length >= concurrency)
    })
    events.on('localQueue:returnJobs', ({ jobs }) => {
      for (const job of jobs) {
        held.delete(job.id)
        backlog.forget(job.id)
      }
      // a return that fails may be heard by nobody, and end the process: whoever retires this worker gives them back
      if (isBroken) jobs.length = 0
    })
    events.on('localQueue:setMode', ({ newMode }) => backlog.onMode(newMode))
    events.on('job:start', ({ job }) => backlog.forget(job.id))
    events.on('job:complete', ({ job }) => held.delete(job.id))

    const runner = await run({
      pgPool: connections,
      concurrency,
      pollInterval: POLL_INTERVAL_MS,
      // the server owns the signals
      noHandleSignals: true,
      taskList: createTaskList({ app, supplier, backlog }),
      events,
      logger: new GraphileLogger(() => (level, message, meta) => {
        // it tells of every failed job at its length; define-task.ts has said so in one line
        const isNews = level === 'error' && !message.startsWith('Failed task')
        // the only place where it says so
        if (message.startsWith('Error occurred fetching jobs')) giveUp()
        app.logger[isNews ? 'error' : 'debug'](meta?.error ? { err: meta.error } : {}, message)
      }),
      preset: {
        worker: {
          // a job that waits for the database may wait for as long as a stop does
          gracefulShutdownAbortTimeout: STOP_TIMEOUT_MS,
          localQueue: { size: concurrency },
          completeJobBatchDelay: COMPLETE_BATCH_DELAY_MS,
          failJobBatchDelay: COMPLETE_BATCH_DELAY_MS,
        },
      },
    }).catch(async (error) => {
      await connections.end().catch(() => {})
      throw error
    })
    runner.promise.catch(() => {}).finally(() => ended.resolve())
    void ended.promise.then(() => backlog.end())
    const life = { ended: ended.promise, isBroken: () => isBroken }
    return new JobPool(id, held, life, { runner, backlog, connections })
  }

  /** Whether there may be more jobs to do than it has fetched: its last fetch brought as many as it may. */
  get isBehind(): boolean {
    return this.#backlog.isBehind
  }

  /**
   * Says that it is alive: one that is silent has its jobs taken from it. Waits for nothing but the database.
   *
   * @param circuit to the supplier; null where there is none
   */
  async beat(circuit: CircuitState | null): Promise<void> {
    const jobsHeld: Record<string, number> = {}
    for (const task of this.held.values()) jobsHeld[task] = (jobsHeld[task] ?? 0) + 1
    await beat(this.#connections, this.id, { circuit, jobsHeld })
  }

  /** Takes no more jobs, finishes those under way and gives back those that wait, as far as that ends. */
  async stop(): Promise<void> {
    const timeoutMs = this.#isBroken() ? BROKEN_STOP_TIMEOUT_MS : STOP_TIMEOUT_MS
    const timeout = new AbortController()
    await Promise.race([
      Promise.all([this.#runner.stop().catch(() => {}), this.#backlog.end()]),
      sleep(timeoutMs, undefined, { signal: timeout.signal }).catch(() => {}),
    ])
    timeout.abort()
    // what hangs is not waited for
    void this.#connections.end().catch(() => {})
  }
}

function countOf(payload: string | undefined): number {
  return JSON.parse(payload || '{}').count
}

function connect(databaseUrl: string, onLost: (error: Error) => void): pg.Pool {
  const connections = createPool(databaseUrl, {
    application_name: 'holdfast-worker',
    max: POOL_SIZE,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: STATEMENT_TIMEOUT_MS,
    keepAlive: true,
    types: TYPES,
    settings: FETCH_BY_INDEX,
  })
  // an error that nobody listens to would end the process
  connections.on('error', () => {})
  connections.on('connect', (client) => client.on('error', onLost))
  return connections
}
