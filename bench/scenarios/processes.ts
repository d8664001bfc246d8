import type { BenchContext, Figure, Scenario } from '../scenario.ts'
import { pickEvenly, skuNames, storeItems } from '../support/backlog.ts'
import { putCreateOrderLoad } from '../support/create-order-load.ts'
import { assertNoBreaches, openDatabase } from '../support/database.ts'
import { measureDrain } from '../support/drain.ts'
import { startHoldfast } from '../support/holdfast.ts'

const PROCESS_COUNTS = [1, 2, 4]
/** Of each process. */
const CONNECTIONS = 48
const ITEMS = skuNames(1_000)

/** How far several processes on one PostgreSQL carry. With two cores for all of them, not far: see docs/performance.md. */
export const scenario: Scenario = {
  name: 'processes',
  description: '1, 2 and 4 API processes, and as many workers, on one PostgreSQL',
  run: async (context) => {
    const figures: Figure[] = []
    for (const count of PROCESS_COUNTS) {
      figures.push(await repeat(context, `createOrder, ${count} API processes`, () => create(context, count)))
    }
    for (const count of PROCESS_COUNTS) {
      figures.push(await repeat(context, `reserving, ${count} workers`, () => reserve(context, count)))
    }
    return figures
  },
}

async function repeat(context: BenchContext, title: string, run: () => Promise<number>): Promise<Figure> {
  const values: number[] = []
  for (let repetition = 0; repetition < context.repetitions; repetition++) values.push(await run())
  return { kind: 'figure', title, unit: 'orders/s', values, target: null }
}

async function create(context: BenchContext, count: number): Promise<number> {
  await using database = await openDatabase(context)
  await storeItems(database.client, ITEMS)
  await using servers = await startAll(count, { DATABASE_URL: database.url, ROLE: 'api' })
  const times = context.isQuick ? { warmUpS: 0.5, durationS: 1 } : { warmUpS: 2, durationS: 10 }
  const loads = await Promise.all(
    servers.urls.map((url) =>
      putCreateOrderLoad({ url, sku: ITEMS[0]!, connections: CONNECTIONS, ...times }),
    ),
  )
  return loads.reduce((sum, { perSecond }) => sum + perSecond, 0)
}

async function reserve(context: BenchContext, count: number): Promise<number> {
  await using database = await openDatabase(context)
  await storeItems(database.client, ITEMS)
  await using _workers = await startAll(count, { DATABASE_URL: database.url, ROLE: 'worker' })
  const rate = await measureDrain(database, pickEvenly(ITEMS, context.isQuick ? 2_000 : 20_000))
  await assertNoBreaches(database)
  return rate
}

async function startAll(count: number, env: Record<string, string>) {
  const stack = new AsyncDisposableStack()
  try {
    const urls: string[] = []
    for (let index = 0; index < count; index++) urls.push(stack.use(await startHoldfast(env)).url)
    return { urls, [Symbol.asyncDispose]: () => stack.disposeAsync() }
  } catch (error) {
    await stack.disposeAsync()
    throw error
  }
}
