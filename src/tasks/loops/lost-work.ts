import type { PassedOver } from '../../use-cases/in-halves.ts'
import { HEARTBEAT_INTERVAL_MS, releaseLostJobs, rescueJobs } from '../../use-cases/upkeep/rescue-jobs.ts'
import { type SweepContext, sweep } from '../../use-cases/upkeep/sweep.ts'
import type { JobPool } from '../job-pool.ts'
import { pause } from './pause.ts'

/** A full rescue reads every job, so it comes every fourth round (8 s), and in the four rounds after a lost pool. */
const ROUNDS_PER_FULL_RESCUE = 4
/** A sweep reads the whole queue for what is rare, so it comes every 15th round (30 s). */
const ROUNDS_PER_SWEEP = 15

/** Finds the work of dead workers, lost connections and crashes, and makes it run again. */
export class LostWork {
  readonly #context: SweepContext
  readonly #currentPool: () => JobPool | undefined
  /** Dead jobs that cannot be buried for now. */
  readonly #passedOver: PassedOver = new Map()
  /** The next rounds, so many, do a full rescue: a pool was lost. */
  #fullRescuesDue = 0

  /** @param currentPool returns this worker's pool, which knows the jobs it holds */
  constructor(context: SweepContext, currentPool: () => JobPool | undefined) {
    this.#context = context
    this.#currentPool = currentPool
  }

  /** Makes the next rounds full rescues: a lost connection may have left jobs behind. */
  expectLoss(): void {
    this.#fullRescuesDue = ROUNDS_PER_FULL_RESCUE
  }

  async keepLooking(signal: AbortSignal): Promise<void> {
    for (let round = 1; !signal.aborted; round++) {
      await pause(HEARTBEAT_INTERVAL_MS, signal)
      try {
        if (!signal.aborted) await this.look(round)
      } catch (error) {
        this.#context.logger.warn({ err: error }, 'search for lost work failed, retrying')
      }
    }
  }

  /** Does one round. @param round its number, from 0: not every round looks for everything */
  async look(round: number): Promise<void> {
    const isFull = round % ROUNDS_PER_FULL_RESCUE === 0 || this.#fullRescuesDue > 0
    const pool = this.#currentPool()
    if (pool && isFull) await releaseLostJobs(this.#context, pool.worker, pool.heldIds())
    await rescueJobs(this.#context, { alsoUnknown: isFull })
    this.#fullRescuesDue = Math.max(this.#fullRescuesDue - 1, 0)
    if (round % ROUNDS_PER_SWEEP === ROUNDS_PER_SWEEP - 1)
      await sweep(this.#context, { passedOver: this.#passedOver })
  }
}
