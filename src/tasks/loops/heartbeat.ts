import type { Logger } from 'pino'
import type { CircuitState } from '../../domain/upkeep/service-status.ts'
import { HEARTBEAT_INTERVAL_MS } from '../../use-cases/upkeep/rescue-jobs.ts'
import type { JobPool } from '../job-pool.ts'
import { pause } from './pause.ts'

/** Writes a worker's heartbeat. Other workers take over the jobs of a worker without one. */
export class Heartbeat {
  readonly #circuit: (() => CircuitState) | undefined
  #lastBeatAtMs = 0

  /** @param circuit returns the current state of the supplier's circuit; undefined without one */
  constructor(circuit: (() => CircuitState) | undefined) {
    this.#circuit = circuit
  }

  /** Whether a heartbeat was written within the last three intervals. */
  isRecent(): boolean {
    return performance.now() - this.#lastBeatAtMs < 3 * HEARTBEAT_INTERVAL_MS
  }

  async beat(pool: JobPool): Promise<void> {
    await pool.beat(this.#circuit?.() ?? null)
    this.#lastBeatAtMs = performance.now()
  }

  /**
   * Writes heartbeats until the signal, and one more then. It has a loop and connections of its own, because the other loops
   * may wait for locks.
   *
   * @param currentPool returns the pool that fetches jobs at this moment
   */
  async keepBeating(
    currentPool: () => JobPool | undefined,
    logger: Logger,
    signal: AbortSignal,
  ): Promise<void> {
    while (!signal.aborted) {
      await pause(HEARTBEAT_INTERVAL_MS, signal)
      try {
        const pool = currentPool()
        if (pool) await this.beat(pool)
        currentPool()?.endIfStuck()
      } catch (error) {
        logger.warn({ err: error }, 'heartbeat failed: database not reached')
      }
    }
  }
}
