import { setTimeout as sleep } from 'node:timers/promises'
import { METRICS_READ_TIMEOUT_MS } from '../limits.ts'
import type { Logger } from './logger.ts'

/**
 * Makes a `collect` of a reading of the database that several metrics share: they all ask at the same moment, and one
 * reading is under way at a time. While the database is away or slow, they show what was last read.
 *
 * @param read sets the metrics
 */
export function readAtScrape(logger: Logger, read: () => Promise<void>): () => Promise<void> {
  let reading: Promise<void> | undefined
  return () => {
    reading ??= read()
      .catch((error) => logger.debug({ err: error }, 'cannot read figures of the database'))
      .finally(() => {
        reading = undefined
      })
    return Promise.race([reading, sleep(METRICS_READ_TIMEOUT_MS, undefined, { ref: false })])
  }
}
