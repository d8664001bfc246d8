import type { Logger } from 'pino'
import type { CircuitState } from '../../domain/upkeep/service-status.ts'
import { HEARTBEAT_INTERVAL_MS } from '../../use-cases/upkeep/rescue-jobs.ts'
import type { JobPool } from '../job-pool.ts'
import { pause } from './pause.ts'

/** Says in the database that a worker is alive: one that is silent has its jobs taken from it. */
export class Heartbeat {
  readonly #circuit: (() => CircuitState) | undefined
  #lastBeatAtMs = 0

  /** @param circuit what the supplier's circuit is at this moment, where it has one */
  constructor(circuit: (() => CircuitState) | undefined) {
    this.#circuit = circuit
  }

  /** Whether the database was reached within the last three beats. */
  isRecent(): boolean {
    return performance.now() - this.#lastBeatAtMs < 3 * HEARTBEAT_INTERVAL_MS
  }

  async beat(pool: JobPool): Promise<void> {
    await pool.beat(this.#circuit?.() ?? null)
    this.#lastBeatAtMs = performance.now()
  }

  /**
   * Beats until the signal, and once more then. In a loop and on a connection of its own: what else there is to do may wait
   * for locks that others hold.
   *
   * @param currentPool the pool that takes jobs at this moment
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
