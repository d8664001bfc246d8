import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { createPool } from '../database/connections.ts'
import type { CircuitState } from '../domain/upkeep/service-status.ts'
import { CONNECT_TIMEOUT_MS, STATEMENT_TIMEOUT_MS } from '../limits.ts'
import { isQueueThere } from '../sql/queue/is-queue-there.ts'
import { beat, type WorkerId } from '../sql/queue/release-jobs.ts'
import { typeParsers } from '../sql/statement.ts'
import type { TaskContext } from './define-task.ts'
import { createTaskList, RESERVATION_TASKS, SUPPLIER_TASKS } from './task-list.ts'
import { TaskRunner } from './task-runner.ts'

export type JobPoolOptions = TaskContext & {
  databaseUrl: string
  /** Calls to the supplier in flight at once. */
  concurrency: number
  /** Whether this process also creates orders, and reserves them without fetching their jobs. */
  hasHeadStart: boolean
}

/**
 * Reservation jobs in flight, and as many more fetched ahead: enough for the next two transactions, and few enough that
 * several workers share a backlog.
 */
const RESERVATION_CONCURRENCY = 30
/**
 * Every commit of orders sends a notification, some 300 a second under load, and a fetch costs PostgreSQL about 1 ms. At rest
 * the next order comes later than this delay.
 */
const REFETCH_DELAY_MS = 5
/** With a head start nearly all notified orders are being reserved already. */
const REFETCH_DELAY_AFTER_HEAD_START_MS = 25
/** Nearly all notifications are for the other runner, and a supplier call takes longer than this. */
const SUPPLIER_REFETCH_DELAY_MS = 50
/** Enough that none waits for another: two runners fetch, complete, fail and listen, and there is the heartbeat. */
const WORKER_POOL_SIZE = 8
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
 * Two runners of graphile-worker and their connections: one runner reserves, the other calls the supplier, so that neither
 * uses up the other's capacity. A pool ends when it is stopped, or with the first connection that it loses. The supervisor
 * then releases its jobs and starts the next pool.
 *
 * graphile-worker itself recovers late or never: after 57P03, EHOSTUNREACH and ETIMEDOUT it waits for 3 s or more, and it
 * never retries a failed completion.
 */
export class JobPool implements WorkerId {
  /** Resolves when the pool fetches no more jobs. */
  readonly ended: Promise<void>
  readonly #runners: readonly TaskRunner[]
  readonly #connections: pg.Pool
  readonly #broken: PromiseWithResolvers<void>
  #isBroken = false

  private constructor(
    runners: readonly TaskRunner[],
    connections: pg.Pool,
    broken: PromiseWithResolvers<void>,
  ) {
    this.#runners = runners
    this.#connections = connections
    this.#broken = broken
    void broken.promise.then(() => {
      this.#isBroken = true
    })
    this.ended = Promise.race([broken.promise, ...runners.map((runner) => runner.ended)])
  }

  /** Starts to fetch jobs. @throws if the database cannot be reached */
  static async start({
    app,
    supplier,
    databaseUrl,
    concurrency,
    hasHeadStart,
  }: JobPoolOptions): Promise<JobPool> {
    // graphile-worker would create a missing schema, in the way of a restore that is still running
    if (!(await isQueueThere(app.pool))) throw new Error('The tables of graphile-worker are missing')
    const { logger } = app
    let isBroken = false
    const broken = Promise.withResolvers<void>()
    const connections = createPool(databaseUrl, {
      application_name: 'holdfast-worker',
      max: WORKER_POOL_SIZE,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: STATEMENT_TIMEOUT_MS,
      keepAlive: true,
      types: TYPES,
      settings: FETCH_BY_INDEX,
    })
    // an error without a listener would end the process
    connections.on('error', () => {})
    connections.on('connect', (client) =>
      client.on('error', (error) => {
        logger.warn({ err: error }, 'worker lost a database connection')
        isBroken = true
        broken.resolve()
      }),
    )
    const context = { app, supplier }
    const common = { connections, isBroken: () => isBroken, logger, stopTimeoutMs: STOP_TIMEOUT_MS }
    const runners: TaskRunner[] = []
    try {
      const reservations = createTaskList(RESERVATION_TASKS, context)
      runners.push(
        await TaskRunner.start({
          ...common,
          tasks: reservations,
          concurrency: RESERVATION_CONCURRENCY,
          refetchDelayMs: hasHeadStart ? REFETCH_DELAY_AFTER_HEAD_START_MS : REFETCH_DELAY_MS,
        }),
      )
      const calls = createTaskList(SUPPLIER_TASKS, context)
      runners.push(
        await TaskRunner.start({
          ...common,
          tasks: calls,
          concurrency,
          refetchDelayMs: SUPPLIER_REFETCH_DELAY_MS,
        }),
      )
      return new JobPool(runners, connections, broken)
    } catch (error) {
      await stopWithin(BROKEN_STOP_TIMEOUT_MS, runners, connections)
      throw error
    }
  }

  get id(): string {
    return this.#runners[0]!.id
  }

  get poolIds(): string[] {
    return this.#runners.map(({ id }) => id)
  }

  /** Whether the queue may hold more reservations than this worker has fetched. */
  get isBehind(): boolean {
    return this.#runners[0]!.isBehind
  }

  /** The ids of the jobs that this process has received and not finished. */
  get heldIds(): string[] {
    return this.#runners.flatMap(({ held }) => [...held.keys()])
  }

  /** Ends the pool if graphile-worker has stopped fetching jobs. */
  endIfStuck(): void {
    if (this.#runners.some((runner) => runner.isStuck())) this.#broken.resolve()
  }

  /**
   * Writes a heartbeat: other workers take over the jobs of a worker without one. Waits for nothing but the database.
   *
   * @param circuit state of the supplier's circuit; null without a supplier
   */
  async beat(circuit: CircuitState | null): Promise<void> {
    const jobsHeld: Record<string, number> = {}
    for (const { held } of this.#runners) {
      for (const task of held.values()) jobsHeld[task] = (jobsHeld[task] ?? 0) + 1
    }
    await beat(this.#connections, this, { circuit, jobsHeld })
  }

  /** Stops fetching, finishes the jobs in flight and gives back the others, within the time limit. */
  stop(): Promise<void> {
    return stopWithin(
      this.#isBroken ? BROKEN_STOP_TIMEOUT_MS : STOP_TIMEOUT_MS,
      this.#runners,
      this.#connections,
    )
  }
}

async function stopWithin(
  timeoutMs: number,
  runners: readonly TaskRunner[],
  connections: pg.Pool,
): Promise<void> {
  const timeout = new AbortController()
  await Promise.race([
    Promise.all(runners.map((runner) => runner.stop())),
    sleep(timeoutMs, undefined, { signal: timeout.signal }).catch(() => {}),
  ])
  timeout.abort()
  // not awaited: it may hang
  void connections.end().catch(() => {})
}
