import type { BenchContext, Measurement, Scenario } from '../scenario.ts'
import { pickEvenly, skuNames, storeBacklog, storeItems } from '../support/backlog.ts'
import { assertNoBreaches, openDatabase } from '../support/database.ts'
import { untilNonePending } from '../support/drain.ts'
import { startHoldfast } from '../support/holdfast.ts'

const ORDERS = 200_000
const ORDERS_QUICK = 4_000
/** Orders of one commit, as of an API process at full load. */
const COMMIT_SIZE = 300
const ITEMS = skuNames(1_000)

/** A worker that comes to a database which has grown without one: nobody has told PostgreSQL what is in it by hand. */
export const scenario: Scenario = {
  name: 'left-backlog',
  description: '200,000 orders that an API process has left, reserved by a worker that starts afterwards',
  run: async (context) => {
    const count = context.isQuick ? ORDERS_QUICK : ORDERS
    const values: number[] = []
    for (let repetition = 0; repetition < context.repetitions; repetition++) {
      values.push(await drain(context, count))
    }
    const title = `reserving ${count.toLocaleString('en')} orders of 1,000 SKUs that wait when the worker starts`
    return [{ kind: 'figure', title, unit: 'orders/s', values, target: null }] satisfies Measurement[]
  },
}

async function drain(context: BenchContext, count: number): Promise<number> {
  await using database = await openDatabase(context)
  await storeItems(database.client, ITEMS)
  const skus = pickEvenly(ITEMS, count)
  for (let start = 0; start < count; start += COMMIT_SIZE) {
    await storeBacklog(database.client, skus.slice(start, start + COMMIT_SIZE))
  }
  // from the start of its process on: what it looks at before it takes jobs is part of it
  const startedAt = performance.now()
  await using _worker = await startHoldfast({ DATABASE_URL: database.url, ROLE: 'worker' })
  await untilNonePending(database)
  const rate = (count / (performance.now() - startedAt)) * 1000
  await assertNoBreaches(database)
  return rate
}
