import { createApp } from '../../src/create-app.ts'
import { createLogger } from '../../src/observability/logger.ts'
import type { BenchContext, Comparison, Figure, Measurement, Scenario } from '../scenario.ts'
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
/** Enough that every query has a page to answer. */
const SMALL: History = { orders: 1_000, skus: 100 }

/** Requests that are not counted: code is compiled meanwhile. */
const WARM_UP_TURNS = 50

const RATE_SHARE_MIN = 0.8
const P99_RATIO_MAX = 2

type Databases = { large: BenchDatabase; small: BenchDatabase; history: History }

/** What a database that has grown for a long time costs: it must be as fast as an empty one. */
export const scenario: Scenario = {
  name: 'growth',
  description: '1,000,000 orders, 100,000 SKUs, 3,000,000 movements and events stored before',
  run: async (context) => {
    const history = context.isQuick ? LARGE_QUICK : LARGE
    await using large = await openDatabase(context)
    await using small = await openDatabase(context)
    context.log(`growth: storing ${history.orders.toLocaleString('en')} orders with their past`)
    await storeHistory(large.client, history)
    await storeHistory(small.client, SMALL)
    // it reads every row: seconds here, minutes of the large one
    if (context.isQuick) await assertNoBreaches(large)
    const databases = { large, small, history }
    return [
      await comparePlans(context, databases),
      ...(await compareQueries(context, databases)),
      await compareCreating(context, databases),
      await compareReserving(context, databases),
    ]
  },
}

/** Counts statements that read a big table from end to end. */
async function comparePlans(context: BenchContext, { large }: Databases): Promise<Figure> {
  const supplierPolicy = {
    recheckDelayMs: 0,
    recheckLimit: 2,
    recheckFactor: 1,
    attemptsMax: 3,
    retryBaseMs: 1,
  }
  const logger = createLogger('silent')
  const { app, close } = await createApp({ databaseUrl: large.url, logger, supplierPolicy })
  try {
    const statements = await recordStatements(app.pool)
    const { rows } = await large.client.query('select id from orders order by id desc limit 1')
    await exercise(app, { orderId: rows[0].id, sku: 'SKU-0' })
    const scans = await findFullScans(large.client, statements.values())
    for (const { statement, table, plan } of scans) {
      context.log(`growth: reads all of ${table} (${plan} plan): ${statement}`)
    }
    return {
      kind: 'figure',
      title: `statements without an index, of ${statements.size}`,
      unit: 'statements',
      values: [new Set(scans.map(({ statement }) => statement)).size],
      target: { kind: 'at-most', value: 0 },
    }
  } finally {
    await close()
  }
}

/** The 99th percentile of each query; the databases are asked in turn, request by request. */
async function compareQueries(context: BenchContext, { large, small }: Databases): Promise<Measurement[]> {
  const count = context.isQuick ? 100 : 500
  await using large_ = await startHoldfast({ DATABASE_URL: large.url, ROLE: 'api' })
  await using small_ = await startHoldfast({ DATABASE_URL: small.url, ROLE: 'api' })
  const sides = [
    { url: large_.url, variables: await pickVariables(large, count) },
    { url: small_.url, variables: await pickVariables(small, count) },
  ]
  const comparisons: Comparison[] = []
  for (const { title, text } of QUERIES) {
    const comparison: Comparison = {
      kind: 'comparison',
      title: `${title}, p99 after growth`,
      against: 'the same on a small database',
      unit: 'ms',
      holdfast: [],
      baseline: [],
      target: { kind: 'at-most', value: P99_RATIO_MAX },
    }
    for (let repetition = 0; repetition < context.repetitions; repetition++) {
      const elapsedMs: [number[], number[]] = [[], []]
      for (let turn = -WARM_UP_TURNS; turn < count; turn++) {
        for (const [index, { url, variables }] of sides.entries()) {
          const startedAt = performance.now()
          await execute(url, text, variables.at(turn)!)
          if (turn >= 0) elapsedMs[index]!.push(performance.now() - startedAt)
        }
      }
      comparison.holdfast.push(quantile(elapsedMs[0], 0.99))
      comparison.baseline.push(quantile(elapsedMs[1], 0.99))
    }
    comparisons.push(comparison)
  }
  return comparisons
}

/** Orders and SKUs from all over the database, every tenth time the SKU that most orders are of. */
async function pickVariables({ client }: BenchDatabase, count: number) {
  const { rows } = await client.query<{ orderId: string; sku: string }>(
    `select id as "orderId", sku from orders order by hashtext(id::text) limit $1`,
    [count],
  )
  return Array.from({ length: count }, (_, index) => {
    const row = rows[index % rows.length]!
    return index % 10 === 0 ? { ...row, sku: 'SKU-0' } : row
  })
}

async function compareCreating(context: BenchContext, { large }: Databases): Promise<Comparison> {
  const create = async ({ url }: BenchDatabase) => {
    await using holdfast = await startHoldfast({ DATABASE_URL: url, ROLE: 'api' })
    const times = context.isQuick ? { warmUpS: 0.5, durationS: 1 } : { warmUpS: 2, durationS: 10 }
    return (await putCreateOrderLoad({ url: holdfast.url, sku: 'SKU-5', connections: 50, ...times }))
      .perSecond
  }
  const { after, empty } = await takeTurns(context, {
    after: () => create(large),
    empty: () => onEmpty(context, create),
  })
  return compareRates('createOrder by GraphQL POST, 50 connections, after growth', after, empty)
}

async function compareReserving(context: BenchContext, { large, history }: Databases): Promise<Comparison> {
  const count = context.isQuick ? 2_000 : 20_000
  const reserve = async (database: BenchDatabase, skus: number) => {
    await using _worker = await startHoldfast({ DATABASE_URL: database.url, ROLE: 'worker' })
    // 1,000 SKUs from all over the catalogue
    const names = Array.from({ length: count }, (_, index) => `SKU-${(index % 1_000) * (skus / 1_000)}`)
    return await measureDrain(database, names)
  }
  const { after, empty } = await takeTurns(context, {
    after: () => reserve(large, history.skus),
    empty: () => onEmpty(context, (database) => reserve(database, 1_000)),
  })
  return compareRates(
    `reserving ${count.toLocaleString('en')} orders of 1,000 SKUs, after growth`,
    after,
    empty,
  )
}

async function onEmpty<Result>(
  context: BenchContext,
  work: (database: BenchDatabase) => Promise<Result>,
): Promise<Result> {
  await using database = await openDatabase(context)
  await storeItems(database.client, skuNames(1_000))
  return await work(database)
}

function compareRates(title: string, holdfast: number[], baseline: number[]): Comparison {
  const target = { kind: 'at-least' as const, value: RATE_SHARE_MIN }
  return {
    kind: 'comparison',
    title,
    against: 'the same on an empty database',
    unit: 'orders/s',
    holdfast,
    baseline,
    target,
  }
}
