import { setTimeout as sleep } from 'node:timers/promises'
import { type OrderedSkus, storeBacklog } from './backlog.ts'
import type { BenchDatabase } from './database.ts'

/**
 * Orders that are reserved first, such as two of each of 1,000 SKUs: no side is timed while its code is compiled, its plans are made,
 * or each page that it changes is written whole into the log, as once after a checkpoint.
 */
export const WARM_UP_ORDERS = 2_000
const POLL_INTERVAL_MS = 20
/** Far above what the slowest baseline takes. */
const DRAIN_LIMIT_MS = 180_000

/**
 * Commits a backlog under a worker that waits for it, and waits until it is reserved.
 *
 * @param ordersPerJob as `storeBacklog` takes it
 * @returns orders reserved per second, from the commit of the last order to that of the last reservation
 */
export async function measureDrain(
  database: BenchDatabase,
  skus: readonly OrderedSkus[],
  ordersPerJob?: number,
): Promise<number> {
  await storeBacklog(database.client, skus.slice(0, WARM_UP_ORDERS), ordersPerJob)
  await untilNonePending(database)
  await storeBacklog(database.client, skus, ordersPerJob)
  const startedAt = performance.now()
  await untilNonePending(database)
  return (skus.length / (performance.now() - startedAt)) * 1000
}

/** Waits until every order has been looked at. */
export async function untilNonePending({ client }: BenchDatabase): Promise<void> {
  const startedAt = performance.now()
  // the newest first: orders take their turn oldest first, so that this finds one at once as long as there is one
  const text = `select from orders where status = 'PENDING' order by id desc limit 1`
  while ((await client.query(text)).rowCount !== 0) {
    if (performance.now() - startedAt > DRAIN_LIMIT_MS) throw new Error('The backlog is not reserved in time')
    await sleep(POLL_INTERVAL_MS)
  }
}
