import { setTimeout as sleep } from 'node:timers/promises'
import type { Job } from 'graphile-worker'
import type { App } from '../app.ts'
import { isUnavailable } from '../database/unavailable.ts'
import type { JobUnderWay } from '../domain/jobs.ts'
import { BACKLOG_BATCH_MAX } from '../limits.ts'
import { reserveBacklog } from '../use-cases/reserve-inventory.ts'
import { orderPayload } from './define-task.ts'

/**
 * For how long jobs that are done keep their places while a backlog is reserved: so long graphile-worker fetches no more of
 * it, at twice the price an order, and so long jobs of other tasks wait behind it.
 */
const TURN_MAX_MS = 300

/**
 * Reserves the orders of a backlog without fetching their jobs. It begins when jobs of a worker are done of which there
 * were as many as it may fetch. An order that cannot be reserved with its neighbours stays in the queue with them:
 * graphile-worker runs its job by itself.
 */
export class Backlog {
  readonly #app: App
  #isBehind = false
  #isEnded = false
  /** By their ids, jobs that graphile-worker has fetched and has no place for yet: they are older than what nobody has fetched. */
  readonly #fetched = new Map<string, JobUnderWay>()
  #reserving: Promise<void> | undefined
  #turn: Promise<void> | undefined

  constructor(app: App) {
    this.#app = app
  }

  /** @param isFull whether more may be due */
  onFetch(jobs: readonly Job[], isFull: boolean): void {
    // one of them may be what its last worker died of: while they run, no jobs do of which nobody would know
    this.#isBehind = isFull && jobs.every(({ flags }) => flags === null)
    for (const { id, task_identifier: task, payload, attempts: attempt } of jobs) {
      const { data } = orderPayload.safeParse(payload)
      if (task === 'reserve-inventory' && data) this.#fetched.set(id, { task, attempt, ...data })
    }
  }

  /** A job has got its place, or has gone back to the queue. */
  onPlaced(jobId: string): void {
    this.#fetched.delete(jobId)
  }

  /** For a job that is done, before it makes place for another. Resolves at once where there is no backlog. */
  async takeTurn(): Promise<void> {
    if (this.#isEnded || !this.#isBehind) return
    this.#reserving ??= this.#reserve().finally(() => {
      this.#reserving = undefined
    })
    this.#turn ??= within(TURN_MAX_MS, this.#reserving).finally(() => {
      this.#turn = undefined
    })
    await this.#turn
  }

  /** Begins no more transactions. Resolves when none is under way. */
  async end(): Promise<void> {
    this.#isEnded = true
    await this.#reserving
  }

  /**
   * Two transactions are under way at a time: while the first writes, the second reads what it is going to write. The
   * second begins when the first has locked its stock, so that the older orders come first.
   */
  async #reserve(): Promise<void> {
    const { groups, logger } = this.#app
    let last = Promise.resolve(BACKLOG_BATCH_MAX)
    try {
      let count: number
      do {
        // what runs is older
        await groups.reserveInventory.settled()
        if (this.#isEnded) break
        const before = last
        const locked = Promise.withResolvers<number>()
        last = reserveBacklog(this.#app, this.#takeFetched(), BACKLOG_BATCH_MAX, locked.resolve)
        last.catch(locked.reject)
        ;[count] = await Promise.all([locked.promise, before])
      } while (count === BACKLOG_BATCH_MAX)
      await last
    } catch (error) {
      const level = isUnavailable(error) ? 'debug' : 'warn'
      logger[level](
        { err: error },
        'orders that wait could not be reserved together, and are left to their jobs',
      )
      // it may be the one before that failed
      await last.catch(() => {})
    }
  }

  #takeFetched(): JobUnderWay[] {
    const fetched = [...this.#fetched.values()]
    this.#fetched.clear()
    return fetched
  }
}

/** Waits for `promise`, but not for longer than `ms`. */
async function within(ms: number, promise: Promise<void>): Promise<void> {
  const timeout = new AbortController()
  await Promise.race([promise, sleep(ms, undefined, { signal: timeout.signal }).catch(() => {})])
  timeout.abort()
}
