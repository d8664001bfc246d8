import type { BenchContext, Comparison, Figure, Scenario } from '../scenario.ts'
import { openApp } from '../support/app.ts'
import { skuNames, storeItems } from '../support/backlog.ts'
import { putCreateOrderLoad } from '../support/create-order-load.ts'
import { assertNoBreaches, type BenchDatabase, openDatabase } from '../support/database.ts'
import { measureDrain } from '../support/drain.ts'
import { exercise } from '../support/exercise.ts'
import { findFullScans } from '../support/find-full-scans.ts'
import { execute } from '../support/graphql-client.ts'
import { type History, storeHistory } from '../support/history.ts'
import { startHoldfast } from '../support/holdfast.ts'
import { quantile } from '../support/quantile.ts'
import { QUERIES } from '../support/queries.ts'
import { recordStatements } from '../support/recorded-statements.ts'
import { takeTurns } from '../take-turns.ts'

/** With three times as many movements and events. */
const LARGE: History = { orders: 1_000_000, skus: 100_000 }
const LARGE_QUICK: History = { orders: 10_000, skus: 1_000 }
/** On the way there. */
const BETWEEN: History[] = [
  { orders: 100_000, skus: 10_000 },
  { orders: 300_000, skus: 30_000 },
]
const BETWEEN_QUICK: History[] = [{ orders: 5_000, skus: 1_000 }]
/** Enough that every query has a page to answer. */
const SMALL: History = { orders: 1_000, skus: 100 }

/** Of which orders are reserved, from all over the catalogue: as many as an empty database has. */
const RESERVED_SKUS = 1_000

/** Reads of which a line is drawn: an order with all that belongs to it, and the lists that have most to choose from. */
const DRAWN_QUERIES: readonly (typeof QUERIES)[number]['title'][] = [
  'order(id) with events and movements',
  'orders(filter: sku)',
  'orders(filter: status FAILED)',
  'movements(sku)',
]

const X_LABEL = 'orders stored before; a tenth as many SKUs, three times as many movements and events'

/** Requests that are not counted: code is compiled meanwhile. */
const WARM_UP_TURNS = 50

const RATE_SHARE_MIN = 0.8
const P99_RATIO_MAX = 2

type Grown = BenchDatabase & { history: History }
/** The ends are compared; those between, the smaller first, show how the one becomes the other. */
type Databases = { small: Grown; between: Grown[]; large: Grown }

/** What the runs on each database gave, one line of values each, in order of what is stored there. */
type Course = number[][]

/** What a database that has grown for a long time costs: it must be as fast as an empty one. */
export const scenario: Scenario = {
  name: 'growth',
  description: '1,000,000 orders, 100,000 SKUs, 3,000,000 movements and events stored before',
  run: async (context) => {
    await using stack = new AsyncDisposableStack()
    const databases = await storeAll(context, stack)
    // it reads every row: seconds here, minutes of the large one
    if (context.isQuick) await assertNoBreaches(databases.large)
    const plans = await countFullScans(context, databases.large)
    const reading = await measureReading(context, databases)
    // before creating, which leaves orders that wait: they would be reserved first
    const reserving = await measureReserving(context, databases)
    const creating = await measureCreating(context, databases)
    const grown = [...databases.between, databases.large].map(({ history }) => history.orders)
    return [
      plans,
      ...reading.map(({ title, course }) => compareLatencies(title, course)),
      compareRates('createOrder by GraphQL POST, 50 connections', creating),
      compareRates(
        `reserving ${countReserved(context).toLocaleString('en')} orders of 1,000 SKUs`,
        reserving,
      ),
      {
        kind: 'series',
        title: 'Orders created, and orders reserved',
        xLabel: X_LABEL,
        unit: 'orders/s',
        x: [0, ...grown],
        lines: [
          { name: 'createOrder', values: creating },
          { name: 'reserving', values: reserving },
        ],
      },
      {
        kind: 'series',
        title: 'Reading, p99',
        xLabel: X_LABEL,
        unit: 'ms',
        x: [SMALL.orders, ...grown],
        lines: reading
          .filter(({ isDrawn }) => isDrawn)
          .map(({ title, course }) => ({ name: title, values: course })),
      },
    ]
  },
}

/** Each is written at once, so that none has a past of runs that another has not. */
async function storeAll(context: BenchContext, stack: AsyncDisposableStack): Promise<Databases> {
  const store = async (history: History): Promise<Grown> => {
    const database = stack.use(await openDatabase(context))
    context.log(`growth: storing ${history.orders.toLocaleString('en')} orders with their past`)
    await storeHistory(database.client, history)
    return { ...database, history }
  }
  const small = await store(SMALL)
  const between: Grown[] = []
  for (const history of context.isQuick ? BETWEEN_QUICK : BETWEEN) between.push(await store(history))
  return { small, between, large: await store(context.isQuick ? LARGE_QUICK : LARGE) }
}

/** Counts statements that read a big table from end to end. */
async function countFullScans(context: BenchContext, { url, client }: Grown): Promise<Figure> {
  await using holdfast = await openApp(url)
  const { app } = holdfast
  const statements = await recordStatements(app.pool)
  const { rows } = await client.query('select id from orders order by id desc limit 1')
  await exercise(app, { orderId: rows[0].id, sku: 'SKU-0' })
  const own = await app.pool.connect()
  const scans = await findFullScans(own, statements.values()).finally(() => own.release())
  for (const { statement, table } of scans) {
    context.log(`growth: reads all of ${table}: ${statement}`)
  }
  return {
    kind: 'figure',
    title: `statements without an index, of ${statements.size}`,
    unit: 'statements',
    values: [new Set(scans.map(({ statement }) => statement)).size],
    target: { kind: 'at-most', value: 0 },
  }
}

/** The 99th percentile of each query, in ms. Those that are not drawn are not asked between the ends. */
async function measureReading(context: BenchContext, { small, between, large }: Databases) {
  const count = context.isQuick ? 100 : 500
  await using stack = new AsyncDisposableStack()
  const start = async (database: Grown): Promise<Reader> => {
    const { url } = stack.use(await startHoldfast({ DATABASE_URL: database.url, ROLE: 'api' }))
    return { url, variables: await pickVariables(database, count) }
  }
  const first = await start(small)
  const middle: Reader[] = []
  for (const database of between) middle.push(await start(database))
  const last = await start(large)
  const results: { title: string; isDrawn: boolean; course: Course }[] = []
  for (const { title, text } of QUERIES) {
    const isDrawn = DRAWN_QUERIES.includes(title)
    const readers = isDrawn ? [first, ...middle, last] : [first, last]
    const course: Course = readers.map(() => [])
    for (let repetition = 0; repetition < context.repetitions; repetition++) {
      const p99s = await readInTurns(readers, text)
      for (const [index, p99] of p99s.entries()) course[index]!.push(p99)
    }
    results.push({ title, isDrawn, course })
  }
  return results
}

/** A server, and the variables of each request that is counted. */
type Reader = { url: string; variables: object[] }

/** Asks the servers in turn, request by request, each time another one first, and gives the 99th percentile of each in ms. */
async function readInTurns(readers: readonly Reader[], query: string): Promise<number[]> {
  const elapsedMs: number[][] = readers.map(() => [])
  for (let turn = -WARM_UP_TURNS; turn < readers[0]!.variables.length; turn++) {
    for (let step = 0; step < readers.length; step++) {
      const index = (turn + WARM_UP_TURNS + step) % readers.length
      const { url, variables } = readers[index]!
      const startedAt = performance.now()
      await execute(url, query, variables.at(turn)!)
      if (turn >= 0) elapsedMs[index]!.push(performance.now() - startedAt)
    }
  }
  return elapsedMs.map((values) => quantile(values, 0.99))
}

/** Orders and SKUs from all over the database, every tenth time the SKU that most orders are of. */
async function pickVariables({ client }: BenchDatabase, count: number) {
  const { rows } = await client.query<{ orderId: string; sku: string }>(
    `select order_id as "orderId", sku from order_lines order by hashtext(order_id::text) limit $1`,
    [count],
  )
  return Array.from({ length: count }, (_, index) => {
    const row = rows[index % rows.length]!
    return index % 10 === 0 ? { ...row, sku: 'SKU-0' } : row
  })
}

/** Orders created a second. Between the ends the runs are shorter, after the same warm-up. */
function measureCreating(context: BenchContext, databases: Databases): Promise<Course> {
  return measureRates(context, databases, async ({ database, isBetween }) => {
    await using holdfast = await startHoldfast({ DATABASE_URL: database.url, ROLE: 'api' })
    const times = context.isQuick
      ? { warmUpS: 0.5, durationS: 1 }
      : { warmUpS: 2, durationS: isBetween ? 3 : 10 }
    const load = { url: holdfast.url, sku: 'SKU-5', connections: 50, ...times }
    return (await putCreateOrderLoad(load)).perSecond
  })
}

function measureReserving(context: BenchContext, databases: Databases): Promise<Course> {
  const count = countReserved(context)
  return measureRates(context, databases, async ({ database, skus }) => {
    await using _worker = await startHoldfast({ DATABASE_URL: database.url, ROLE: 'worker' })
    const step = skus / RESERVED_SKUS
    const names = Array.from({ length: count }, (_, index) => `SKU-${(index % RESERVED_SKUS) * step}`)
    return await measureDrain(database, names)
  })
}

function countReserved({ isQuick }: BenchContext): number {
  return isQuick ? 2_000 : 20_000
}

type RateRun = { database: BenchDatabase; skus: number; isBetween: boolean }

/** Runs in turns on an empty database, which is a fresh one each time, and on those that have grown. */
async function measureRates(
  context: BenchContext,
  { between, large }: Databases,
  measure: (run: RateRun) => Promise<number>,
): Promise<Course> {
  const onEmpty = async () => {
    await using database = await openDatabase(context)
    await storeItems(database.client, skuNames(RESERVED_SKUS))
    return await measure({ database, skus: RESERVED_SKUS, isBetween: false })
  }
  const onGrown = async (database: Grown) => {
    // as before each run on a fresh one: nobody writes to disk what an earlier run has left
    await database.client.query('checkpoint')
    return await measure({ database, skus: database.history.skus, isBetween: database !== large })
  }
  const sides = [onEmpty, ...[...between, large].map((database) => () => onGrown(database))]
  const results = await takeTurns(
    context,
    Object.fromEntries(sides.map((side, index) => [`#${index}`, side])),
  )
  return Object.values(results)
}

function compareRates(title: string, course: Course): Comparison {
  return {
    kind: 'comparison',
    title: `${title}, after growth`,
    against: 'the same on an empty database',
    unit: 'orders/s',
    holdfast: course.at(-1)!,
    baseline: course[0]!,
    target: { kind: 'at-least', value: RATE_SHARE_MIN },
  }
}

function compareLatencies(title: string, course: Course): Comparison {
  return {
    kind: 'comparison',
    title: `${title}, p99 after growth`,
    against: 'the same on a small database',
    unit: 'ms',
    holdfast: course.at(-1)!,
    baseline: course[0]!,
    target: { kind: 'at-most', value: P99_RATIO_MAX },
  }
}
