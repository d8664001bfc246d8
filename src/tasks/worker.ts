import { setTimeout as sleep } from 'node:timers/promises'
import type { UpkeepContext } from '../use-cases/context.ts'
import type { IntakeContext } from '../use-cases/orders/order-intake.ts'
import type { TaskApp } from './define-task.ts'
import { createHeadStart } from './head-start.ts'
import { keepExpiring } from './loops/keep-expiring.ts'
import { keepReconciling } from './loops/keep-reconciling.ts'
import { keepWritingDeliveries, type OutboxSignals } from './loops/keep-writing-deliveries.ts'
import { LostWork } from './loops/lost-work.ts'
import { PoolSupervisor, type PoolSupervisorOptions } from './loops/pool-supervisor.ts'

/** What a worker is handed of the application. While it runs, it sets the intake's `headStart`. */
export type WorkerApp = TaskApp & UpkeepContext & IntakeContext & { outboxSignals: OutboxSignals }

export type WorkerOptions = Omit<PoolSupervisorOptions, 'app' | 'onLoss' | 'signal'> & {
  reconcileIntervalMs: number
}

/** A heartbeat takes milliseconds; an unavailable database must not hold up a stop. */
const LAST_BEAT_LIMIT_MS = 1_000

/** Runs jobs and looks after the service, each in a loop of its own, until it is stopped. */
export class Worker {
  readonly #app: WorkerApp
  readonly #reconcileIntervalMs: number
  readonly #stopping = new AbortController()
  readonly #pools: PoolSupervisor
  readonly #lostWork: LostWork
  #supervising: Promise<void> | undefined
  #beating: Promise<void> | undefined

  constructor(app: WorkerApp, { reconcileIntervalMs, ...options }: WorkerOptions) {
    this.#app = app
    this.#reconcileIntervalMs = reconcileIntervalMs
    this.#lostWork = new LostWork(app, () => this.#pools.current)
    this.#pools = new PoolSupervisor({
      app,
      ...options,
      onLoss: () => this.#lostWork.expectLoss(),
      signal: this.#stopping.signal,
    })
  }

  /** Starts the worker. Resolves once it fetches jobs. @throws if the database cannot be reached the first time */
  async start(): Promise<void> {
    const { signal } = this.#stopping
    await this.#pools.start()
    await this.#lostWork.look(0)
    const isKeepingUp = () => this.#pools.current?.isBehind() === false && this.isAlive()
    this.#app.headStart = createHeadStart(this.#app, isKeepingUp)
    this.#supervising = this.#pools.supervise()
    // a stop does not wait for these loops: they may wait for locks
    this.#beating = this.#pools.keepBeating()
    void this.#lostWork.keepLooking(signal)
    void keepExpiring(this.#app, signal)
    void keepWritingDeliveries(this.#app, this.#app.outboxSignals, signal, () => this.#pools.sendWebhooks())
    void keepReconciling(this.#app, this.#reconcileIntervalMs, signal)
  }

  /** Whether it fetches jobs: it has a pool, and wrote a heartbeat within the last three intervals. */
  isAlive(): boolean {
    return this.#pools.isAlive()
  }

  /** Stops fetching, finishes the jobs in flight and gives back the others. */
  async stop(): Promise<void> {
    this.#app.headStart = undefined
    this.#stopping.abort()
    await this.#supervising
    // a heartbeat after the removal of this worker's row would write the row again
    await Promise.race([this.#beating, sleep(LAST_BEAT_LIMIT_MS, undefined, { ref: false })])
    await this.#pools.stop()
  }
}
