import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import type { Logger } from 'pino'
import type { InventoryChange } from '../domain/stock/thresholds.ts'
import { STREAM_PAGE_SIZE } from '../limits.ts'
import { readChanges } from '../sql/stock/ledger/read-changes.ts'

/** A restarting database takes at least about this long. */
export const READ_AGAIN_DELAY_MS = 500

/** The changes between two positions, the second included. */
export type ChangePage = { changes: readonly InventoryChange[]; to: bigint }

/** Reads pages of the stream, each once for all who ask for it meanwhile. */
export class ChangePages {
  readonly #pool: pg.Pool
  readonly #logger: Logger
  /** Those that are being read, by the position that they begin after. */
  readonly #reading = new Map<bigint, Promise<ChangePage>>()

  constructor({ pool, logger }: { pool: pg.Pool; logger: Logger }) {
    this.#pool = pool
    this.#logger = logger
  }

  read(from: bigint, end: bigint): Promise<ChangePage> {
    const underWay = this.#reading.get(from)
    if (underWay) return underWay
    const page = this.#readAlone(from, end).finally(() => this.#reading.delete(from))
    this.#reading.set(from, page)
    return page
  }

  /**
   * The same, retried until it succeeds.
   *
   * @param isOver whether nobody waits for the page any longer
   * @returns undefined once that is so
   */
  async readPatiently(from: bigint, end: bigint, isOver: () => boolean): Promise<ChangePage | undefined> {
    while (!isOver()) {
      try {
        return await this.read(from, end)
      } catch (error) {
        this.#logger.warn({ err: error }, 'changes of stock not read, retrying')
        await sleep(READ_AGAIN_DELAY_MS, undefined, { ref: false })
      }
    }
    return undefined
  }

  async #readAlone(from: bigint, end: bigint): Promise<ChangePage> {
    const changes = await readChanges(this.#pool, { after: from, end, sizeMax: STREAM_PAGE_SIZE })
    return { changes, to: changes.length < STREAM_PAGE_SIZE ? end : changes.at(-1)!.position }
  }
}
