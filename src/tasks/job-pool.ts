import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { ServerPool } from '../database/connections.ts'
import type { CircuitState } from '../domain/upkeep/service-status.ts'
import { CONNECT_TIMEOUT_MS, STATEMENT_TIMEOUT_MS, WEBHOOKS_MAX } from '../limits.ts'
import { beat, type WorkerId } from '../sql/queue/release-jobs.ts'
import { isQueueThere } from '../sql/queue/tune-queue.ts'
import { typeParsers } from '../sql/statement.ts'
import type { WebhookClient } from '../webhooks/webhook-client.ts'
import type { TaskContext, TaskOf, WebhookSending } from './define-task.ts'
import { createTaskList, RESERVATION_TASKS, SUPPLIER_TASKS, WEBHOOK_TASKS } from './task-list.ts'
import { startTaskRunner, type TaskRunner, type TaskRunnerOptions } from './task-runner.ts'

export type JobPoolOptions = Omit<TaskContext, 'webhooks'> & {
  webhookClient: WebhookClient
  /** Aborts when this process stops: then nothing more is sent. */
  signal: AbortSignal
  databaseUrl: string
  /** Calls to the supplier in flight at once. */
  concurrency: number
  /** Whether this process takes orders, which it reserves without fetching their jobs. */
  hasHeadStart?: boolean
}

/**
 * Reservation jobs in flight, and as many more fetched ahead: enough of 25 orders for two transactions of a backlog. Few enough that
 * several workers share a backlog.
 */
export const RESERVATION_CONCURRENCY = 80
/**
 * Every commit of orders sends a notification, some 300 a second under load, and a fetch costs PostgreSQL about 1 ms. At rest
 * the next order comes later than this delay.
 */
const REFETCH_DELAY_MS = 5
/** With a head start nearly all notified orders are being reserved already. */
const REFETCH_DELAY_AFTER_HEAD_START_MS = 25
/** Nearly all notifications are for the other runner, and a supplier call takes longer than this. */
const SUPPLIER_REFETCH_DELAY_MS = 50
/** Only polling finds scheduled jobs. It costs an idle worker about 1 % of a core. */
const POLL_INTERVAL_MS = 100
/** A webhook's retries may be late by that. */
const WEBHOOK_POLL_INTERVAL_MS = 1_000
/** Nearly all notifications are for the others. At rest an event comes later than this delay, under load many come together. */
const WEBHOOK_REFETCH_DELAY_MS = 100
/** A place for each webhook, whose jobs take no second one: so none waits for another. */
const WEBHOOK_CONCURRENCY = WEBHOOKS_MAX
/** Enough that none waits for another: three runners fetch, complete, fail and listen, and there is the heartbeat. */
const WORKER_POOL_SIZE = 10
/**
 * The fetch is graphile-worker's statement, so we cannot rewrite it. If PostgreSQL may sort, it reads and sorts every ready
 * job at each fetch (7 ms with 20,000 ready jobs). Otherwise it reads the first few by their index (3 ms).
 */
const FETCH_BY_INDEX = { enable_sort: 'off' }
/** A job row has four timestamps that we never read. Parsed, they would stay in memory while the job runs. */
const TYPES = typeParsers({ [pg.types.builtins.TIMESTAMPTZ]: () => null })
/** graphile-worker waits for jobs in flight; after a lost connection it may wait for ever. */
const STOP_TIMEOUT_MS = 6_000
/** Shorter, so that the jobs of a broken pool are free soon, even if a supplier call is made twice. */
const BROKEN_STOP_TIMEOUT_MS = 2_000

/**
 * Runners of graphile-worker and their connections: one reserves, one calls the supplier and, once there are webhooks, one sends them,
 * so that none uses up another's capacity. A pool ends when it is stopped, or with the first connection that it loses. The supervisor
 * then releases its jobs and starts the next pool.
 *
 * graphile-worker itself recovers late or never: after 57P03, EHOSTUNREACH and ETIMEDOUT it waits for 3 s or more, and it
 * never retries a failed completion.
 */
export type JobPool = ReturnType<typeof createJobPool>

/** Returns a pool that takes no jobs before its start. */
export function createJobPool(options: JobPoolOptions) {
  const { app, supplier, webhookClient, databaseUrl, concurrency, hasHeadStart, signal } = options
  const webhooks: WebhookSending = { client: webhookClient, senders: new Map(), stopping: signal }
  const { logger } = app
  let stopping: Promise<void> | undefined
  const ended = Promise.withResolvers<void>()
  const connectionOptions = {
    application_name: 'holdfast-worker',
    max: WORKER_POOL_SIZE,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: STATEMENT_TIMEOUT_MS,
    keepAlive: true,
    types: TYPES,
    settings: FETCH_BY_INDEX,
  }
  const connections = new ServerPool(databaseUrl, connectionOptions, (error) => {
    // told once: the others are broken by leaving
    if (!stopping) logger.warn({ err: error }, 'worker lost a database connection')
    leave()
  })
  const runners: TaskRunner[] = []
  const startRunner = async (
    tasks: Record<string, TaskOf>,
    limits: Pick<TaskRunnerOptions, 'concurrency' | 'refetchDelayMs' | 'pollIntervalMs'>,
  ) => {
    const runner = await startTaskRunner({
      ...limits,
      tasks: createTaskList(tasks, { app, supplier, webhooks }),
      connections,
      logger,
      stopTimeoutMs: STOP_TIMEOUT_MS,
    })
    runners.push(runner)
    void runner.ended.then(leave)
    // stopped meanwhile
    if (stopping) await runner.stop()
  }
  const stopRunners = async (timeoutMs: number) => {
    const timeout = new AbortController()
    await Promise.race([
      Promise.all(runners.map((runner) => runner.stop())),
      sleep(timeoutMs, undefined, { signal: timeout.signal }).catch(() => {}),
    ])
    timeout.abort()
  }
  // not awaited: it may hang
  const disconnect = () => void connections.end().catch(() => {})
  const leave = () => {
    if (stopping) return
    // its jobs are released soon: one that it fetched after that would stay held
    connections.leaveServer()
    disconnect()
    stopping = stopRunners(BROKEN_STOP_TIMEOUT_MS)
    ended.resolve()
  }
  const worker = {
    id: randomUUID(),
    /** Of all runners that have been started. */
    get poolIds() {
      return runners.map(({ id }) => id)
    },
  } satisfies WorkerId
  let startingWebhooks: Promise<void> | undefined
  const startWebhooks = async () => {
    await startRunner(WEBHOOK_TASKS, {
      concurrency: WEBHOOK_CONCURRENCY,
      refetchDelayMs: WEBHOOK_REFETCH_DELAY_MS,
      pollIntervalMs: WEBHOOK_POLL_INTERVAL_MS,
    })
  }
  return {
    worker,
    /** Resolves when it has ended by itself. */
    ended: ended.promise,
    /** Starts to take jobs. @throws if the database cannot be reached. The pool may hold jobs then: leave it */
    start: async () => {
      // graphile-worker creates its schema if there is none: in a database that is being restored it would be in the way
      if (!(await isQueueThere(app.pool))) throw new Error('The tables of graphile-worker are not there')
      await startRunner(RESERVATION_TASKS, {
        concurrency: RESERVATION_CONCURRENCY,
        refetchDelayMs: hasHeadStart ? REFETCH_DELAY_AFTER_HEAD_START_MS : REFETCH_DELAY_MS,
        pollIntervalMs: POLL_INTERVAL_MS,
      })
      await startRunner(SUPPLIER_TASKS, {
        concurrency,
        refetchDelayMs: SUPPLIER_REFETCH_DELAY_MS,
        pollIntervalMs: POLL_INTERVAL_MS,
      })
    },
    /**
     * Starts the runner that sends webhooks, at the first call: each notification of a job would wake it, also without webhooks.
     *
     * @returns whether this was the first call
     */
    startWebhooks: async (): Promise<boolean> => {
      const isFirst = startingWebhooks === undefined
      startingWebhooks ??= startWebhooks().catch((error) => {
        startingWebhooks = undefined
        throw error
      })
      await startingWebhooks
      return isFirst
    },
    /** Whether fetched reservations wait for a place, so that more may wait in the queue. */
    isBehind: () => runners[0]!.isBehind(),
    heldIds: () => runners.flatMap(({ held }) => [...held.keys()]),
    /** Leaves the pool if graphile-worker has stopped fetching jobs. */
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
    /** Ends the pool as a lost connection does: from now on it fetches nothing. */
    leave,
    /** Takes no more jobs, finishes those in flight and gives back the others, within the time limit. */
    stop: () => (stopping ??= stopRunners(STOP_TIMEOUT_MS).then(disconnect)),
  }
}
