import type { App } from '../app.ts'
import { isUnavailable } from '../database/unavailable.ts'
import { JOB_ATTEMPTS_MAX, type JobRun, type JobUnderWay } from '../domain/jobs.ts'
import type { Origin } from '../domain/origin.ts'
import type { Insertion } from '../sql/insert-orders.ts'

const TASK = 'reserve-inventory'

/** An order to be reserved, and its job, where nobody runs that. */
export type ReservationRequest = { orderId: string; jobId?: string }

/**
 * Reserves orders in the process that has just created them, where that is a worker too: nothing has to be heard and
 * fetched. Their jobs are due a little later, for what this process does not come to, and completed with the
 * reservation.
 */
export class HeadStart {
  readonly #app: () => App
  #isWorking = () => false
  #underWayMax = 0
  /** How many intakes graphile-worker has yet to hear of, by how many jobs they have. */
  readonly #unheard = new Map<number, number>()

  constructor(app: () => App) {
    this.#app = app
  }

  /**
   * From now on, for as long as `isWorking`: the worker does, and nothing waits for it in the queue.
   *
   * @param underWayMax how much work this process may have under way, its fetched jobs among it
   */
  begin(isWorking: () => boolean, underWayMax: number): void {
    this.#unheard.clear()
    this.#isWorking = isWorking
    this.#underWayMax = underWayMax
  }

  end(): void {
    this.#isWorking = () => false
  }

  /**
   * Whether orders that come now would be reserved at once. While this process has all the work that it may, or more waits
   * for it in the queue, they wait for their turn there.
   */
  isPossible(): boolean {
    return this.#app().jobsUnderWay.size < this.#underWayMax && this.#isWorking()
  }

  /**
   * Notes that `insert` is going to write jobs which nobody has to fetch, unless it turns out to write others than so many.
   *
   * @returns what `insert` does
   */
  async expecting(jobCount: number, insert: () => Promise<Insertion[]>): Promise<Insertion[]> {
    this.#unheard.set(jobCount, (this.#unheard.get(jobCount) ?? 0) + 1)
    let createdCount = 0
    try {
      const insertions = await insert()
      createdCount = insertions.filter(({ outcome }) => outcome === 'created').length
      return insertions
    } finally {
      // nobody will hear of so many
      if (createdCount < jobCount) this.takeExpected(jobCount)
    }
  }

  /**
   * Takes back one such note: graphile-worker has heard of as many jobs, or never will. It need not look for them: that
   * would read past all the jobs that were done since the last vacuum. Others' jobs may be taken for these where they are
   * as many, and these for theirs: there are still as many looks as others need, the last of them after their last.
   *
   * @returns whether there was one
   */
  takeExpected(jobCount: number): boolean {
    const count = this.#unheard.get(jobCount)
    if (count === undefined) return false
    if (count === 1) this.#unheard.delete(jobCount)
    else this.#unheard.set(jobCount, count - 1)
    return true
  }

  /** Begins to reserve an order that has a delayed job. What fails is left to that: this never throws. */
  run(orderId: string, jobId: string, origin: Origin): void {
    this.#reserve(orderId, jobId, origin).catch((error) => {
      this.#app().logger.error({ err: error, orderId }, 'the run of a job could not be told of')
    })
  }

  async #reserve(orderId: string, jobId: string, origin: Origin): Promise<void> {
    const app = this.#app()
    const job: JobUnderWay = { task: TASK, orderId, attempt: 1, origin }
    const startedAtMs = performance.now()
    const report = (ending: Pick<JobRun, 'outcome' | 'error'>) => {
      const durationMs = performance.now() - startedAtMs
      app.onJobRun({ ...job, attemptsMax: JOB_ATTEMPTS_MAX, durationMs, ...ending })
    }
    app.jobsUnderWay.begin(job)
    try {
      const reserve = () => app.groups.reserveInventory.submit({ orderId, jobId })
      await (app.tracing ? app.tracing.job(job, reserve) : reserve())
      report({ outcome: 'done' })
    } catch (error) {
      // as with a job: it goes on when the database is back
      if (!isUnavailable(error)) report({ outcome: 'failed', error })
    } finally {
      app.jobsUnderWay.end(job)
    }
  }
}
