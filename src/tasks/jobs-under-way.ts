import type { JobUnderWay } from '../domain/jobs.ts'

/**
 * The jobs that this process is running, by their orders. Work of many jobs shares transactions, so what moves an order
 * asks here which job it is done for.
 */
export class JobsUnderWay {
  readonly #jobs = new Map<string, JobUnderWay>()

  /** Notes that a job runs. Of two for one order, as after a lost connection, the later counts: the other has nothing to do. */
  begin(job: JobUnderWay): void {
    this.#jobs.set(job.orderId, job)
  }

  end(job: JobUnderWay): void {
    if (this.#jobs.get(job.orderId) === job) this.#jobs.delete(job.orderId)
  }

  /** How many orders have a job that runs. */
  get size(): number {
    return this.#jobs.size
  }

  /** The job that runs for an order, undefined where none does. */
  find(orderId: string): JobUnderWay | undefined {
    return this.#jobs.get(orderId)
  }
}
