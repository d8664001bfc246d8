import type { App } from '../app.ts'
import type { OrderEvent } from '../domain/events.ts'
import { JOB_ATTEMPTS_MAX, type JobUnderWay } from '../domain/jobs.ts'
import type { Origin } from '../domain/origin.ts'
import type { JobIds } from '../sql/insert-orders.ts'

const TASK = 'reserve-inventory'

/** Orders that were created together, and their jobs. */
type Intake = { size: number; jobs: JobIds }

/** An order to be reserved, and what it came in with where no job of its own runs for it. */
export type ReservationRequest = { orderId: string; intake?: Intake }

/**
 * The jobs that are done once all these requests are. Which job of an intake is whose is not known, so that it takes all
 * of its orders.
 */
export function jobsDone(requests: readonly ReservationRequest[]): JobIds[] {
  const counts = new Map<Intake, number>()
  for (const { intake } of requests) if (intake) counts.set(intake, (counts.get(intake) ?? 0) + 1)
  return [...counts].flatMap(([{ size, jobs }, count]) => (count === size ? [jobs] : []))
}

/**
 * Reserves orders in the process that has just created them, where that is a worker too: nothing has to be heard and
 * fetched. Their jobs are due a little later, for what this process does not come to, and completed with the
 * reservation.
 */
export class HeadStart {
  readonly #app: () => App
  #isWorking = () => false
  #underWayMax = 0

  constructor(app: () => App) {
    this.#app = app
  }

  /**
   * From now on, for as long as `isWorking`.
   *
   * @param underWayMax reservations under way in this process, those of fetched jobs among them
   */
  begin(isWorking: () => boolean, underWayMax: number): void {
    this.#isWorking = isWorking
    this.#underWayMax = underWayMax
  }

  end(): void {
    this.#isWorking = () => false
  }

  /** Whether orders that come now would be reserved at once. While a backlog is reserved, they join it at its end. */
  isPossible(): boolean {
    return this.#app().jobsUnderWay.count(TASK) < this.#underWayMax && this.#isWorking()
  }

  /** Begins to reserve orders. What fails is left to their jobs: this never throws. */
  run(created: readonly Pick<OrderEvent, 'order' | 'origin'>[], jobs: JobIds | null): void {
    if (jobs === null) return
    const intake = { size: created.length, jobs }
    for (const { order, origin } of created) void this.#reserve(order.id, origin, intake)
  }

  async #reserve(orderId: string, origin: Origin | undefined, intake: Intake): Promise<void> {
    const app = this.#app()
    const job: JobUnderWay = { task: TASK, orderId, attempt: 1, origin }
    const startedAtMs = performance.now()
    app.jobsUnderWay.begin(job)
    try {
      const reserve = () => app.groups.reserveInventory.submit({ orderId, intake })
      await (app.tracing ? app.tracing.job(job, reserve) : reserve())
      const durationMs = performance.now() - startedAtMs
      app.onJobRun({ ...job, outcome: 'done', durationMs, attemptsMax: JOB_ATTEMPTS_MAX })
    } catch (error) {
      app.logger.debug({ err: error, orderId }, 'an order was not reserved at once, its job will do it')
    } finally {
      app.jobsUnderWay.end(job)
    }
  }
}
