import type pg from 'pg'
import type { BenchContext } from '../scenario.ts'
import type { OrderedSkus } from './backlog.ts'
import { assertNoBreaches, type BenchDatabase, openDatabase } from './database.ts'
import { measureDrain } from './drain.ts'
import { startHoldfast, startPerOrderWorker } from './holdfast.ts'

/** Orders to reserve, and what writes the items that they are of. */
export type Backlog = { skus: readonly OrderedSkus[]; store: (client: pg.ClientBase) => Promise<void> }

/** Orders that Holdfast's worker reserves per second. */
export async function drainByHoldfast(context: BenchContext, { skus, store }: Backlog): Promise<number> {
  await using database = await openDatabase(context)
  await store(database.client)
  await using _worker = await startHoldfast({ DATABASE_URL: database.url, ROLE: 'worker' })
  const rate = await measureDrain(database, skus)
  await assertAllReserved(database)
  return rate
}

/** The same of a worker that reserves each order in a transaction of its own. */
export async function drainPerOrder(context: BenchContext, { skus, store }: Backlog): Promise<number> {
  await using database = await openDatabase(context)
  await store(database.client)
  await using _worker = await startPerOrderWorker(database.url)
  const rate = await measureDrain(database, skus, 1)
  await assertAllReserved(database)
  return rate
}

async function assertAllReserved(database: BenchDatabase): Promise<void> {
  const { rows } = await database.client.query(
    `select count(*)::int as count from orders where status <> 'RESERVED'`,
  )
  if (rows[0].count > 0) throw new Error(`${rows[0].count} orders are not reserved`)
  await assertNoBreaches(database)
}
