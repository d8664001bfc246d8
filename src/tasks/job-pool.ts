import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { ServerPool } from '../database/connections.ts'
import type { CircuitState } from '../domain/upkeep/service-status.ts'
import { CONNECT_TIMEOUT_MS, STATEMENT_TIMEOUT_MS } from '../limits.ts'
import { beat, type WorkerId } from '../sql/queue/release-jobs.ts'
import { isQueueThere } from '../sql/queue/tune-queue.ts'
import { typeParsers } from '../sql/statement.ts'
import type { TaskContext, TaskOf } from './define-task.ts'
import { createTaskList, RESERVATION_TASKS, SUPPLIER_TASKS } from './task-list.ts'
import { startTaskRunner, type TaskRunner, type TaskRunnerOptions } from './task-runner.ts'

export type JobPoolOptions = TaskContext & {
  databaseUrl: string
  /** Calls to the supplier under way at once. */
  concurrency: number
  /** Whether this process takes orders, which it reserves without fetching their jobs. */
  hasHeadStart?: boolean
}

/**
 * Reservation jobs in flight, and as many more fetched ahead: enough for the next two transactions, and few enough that
 * several workers share a backlog.
 */
const RESERVATION_CONCURRENCY = 30
/**
 * Each commit of orders notifies, some 300 a second under load, and a fetch takes PostgreSQL about a millisecond. At rest the
 * next order comes later than that.
 */
const REFETCH_DELAY_MS = 5
/** Where nearly all of what is notified is being reserved already. */
const REFETCH_DELAY_AFTER_HEAD_START_MS = 25
/** Nearly all that is notified is for the other runner. A call to the supplier takes longer. */
const SUPPLIER_REFETCH_DELAY_MS = 50
/** Each of two runners fetches, completes, fails and listens; the heartbeat needs one too. None waits for another. */
const WORKER_POOL_SIZE = 8
/**
 * The statement is graphile-worker's, so we cannot rewrite it. If it may sort, PostgreSQL reads
 * and sorts every ready job at each fetch. Without, it reads the first few by their index: 3 ms instead of 7 with 20,000
 * ready jobs.
 */
const FETCH_BY_INDEX = { enable_sort: 'off' }
/** A job row has four timestamps that nothing here reads (a crontab would). Parsed, they stay in memory while the job runs. */
const TYPES = typeParsers({ [pg.types.builtins.TIMESTAMPTZ]: () => null })
/** graphile-worker waits for jobs in flight; after a lost connection it may wait for ever. */
const STOP_TIMEOUT_MS = 6_000
/** The jobs of a broken pool are to be free soon, even if a call to the supplier is made twice. */
const BROKEN_STOP_TIMEOUT_MS = 2_000

/**
 * One life of graphile-worker in this process: one runner reserves, another calls the supplier, so that neither takes the
 * other's capacity. It ends when it is stopped, or with the first connection that it loses: then a new one is needed, and
 * this one's jobs have to be released.
 *
 * graphile-worker would go on after some of the losses, but not soon or not ever: it waits from 3 s up after 57P03,
 * EHOSTUNREACH and ETIMEDOUT, and never tries a failed completion again.
 */
export type JobPool = Awaited<ReturnType<typeof startJobPool>>

/** Starts to take jobs. @throws if the database cannot be reached */
export async function startJobPool(options: JobPoolOptions) {
  const { app, supplier, databaseUrl, concurrency, hasHeadStart } = options
  // graphile-worker creates its schema if there is none: in a database that is being restored it would be in the way
  if (!(await isQueueThere(app.pool))) throw new Error('The tables of graphile-worker are not there')
  const { logger } = app
  let hasLostConnection = false
  let isBroken = false
  const broken = Promise.withResolvers<void>()
  const connectionOptions = {
    application_name: 'holdfast-worker',
    max: WORKER_POOL_SIZE,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: STATEMENT_TIMEOUT_MS,
    keepAlive: true,
    types: TYPES,
    settings: FETCH_BY_INDEX,
  }
  const leave = () => {
    isBroken = true
    broken.resolve()
  }
  const connections = new ServerPool(databaseUrl, connectionOptions, (error) => {
    logger.warn({ err: error }, 'worker lost a database connection')
    hasLostConnection = true
    leave()
  })
  const startRunner = (
    tasks: Record<string, TaskOf>,
    limits: Pick<TaskRunnerOptions, 'concurrency' | 'refetchDelayMs'>,
  ) =>
    startTaskRunner({
      ...limits,
      tasks: createTaskList(tasks, { app, supplier }),
      connections,
      isBroken: () => hasLostConnection,
      logger,
      stopTimeoutMs: STOP_TIMEOUT_MS,
    })
  const runners: TaskRunner[] = []
  const stop = async (timeoutMs: number) => {
    const timeout = new AbortController()
    await Promise.race([
      Promise.all(runners.map((runner) => runner.stop())),
      sleep(timeoutMs, undefined, { signal: timeout.signal }).catch(() => {}),
    ])
    timeout.abort()
    // not awaited: it may hang
    void connections.end().catch(() => {})
  }
  try {
    const refetchDelayMs = hasHeadStart ? REFETCH_DELAY_AFTER_HEAD_START_MS : REFETCH_DELAY_MS
    runners.push(
      await startRunner(RESERVATION_TASKS, { concurrency: RESERVATION_CONCURRENCY, refetchDelayMs }),
    )
    runners.push(
      await startRunner(SUPPLIER_TASKS, { concurrency, refetchDelayMs: SUPPLIER_REFETCH_DELAY_MS }),
    )
  } catch (error) {
    await stop(BROKEN_STOP_TIMEOUT_MS)
    throw error
  }
  const [reservations] = runners as [TaskRunner, TaskRunner]
  const worker: WorkerId = { id: reservations.id, poolIds: runners.map(({ id }) => id) }
  return {
    ...worker,
    ended: Promise.race([broken.promise, ...runners.map((runner) => runner.ended)]),
    /** Whether fetched reservations wait for a place, so that more may wait in the queue. */
    isBehind: reservations.isBehind,
    heldIds: () => runners.flatMap(({ held }) => [...held.keys()]),
    /** Ends this life if graphile-worker has stopped fetching jobs. */
    endIfStuck: () => {
      if (runners.some((runner) => runner.isStuck())) leave()
    },
    /**
     * Writes a heartbeat: other workers take the jobs of a silent one. Waits for nothing but the database.
     *
     * @param circuit to the supplier; null without one
     */
    beat: async (circuit: CircuitState | null) => {
      const jobsHeld: Record<string, number> = {}
      for (const { held } of runners) {
        for (const task of held.values()) jobsHeld[task] = (jobsHeld[task] ?? 0) + 1
      }
      await beat(connections, worker, { circuit, jobsHeld })
    },
    /** Takes no more jobs, finishes those in flight and gives back the others, within the time limit. */
    stop: () => stop(isBroken ? BROKEN_STOP_TIMEOUT_MS : STOP_TIMEOUT_MS),
  }
}
