import { setTimeout as sleep } from 'node:timers/promises'
import type { BenchContext, Comparison, Figure, Scenario } from '../scenario.ts'
import { storeItems } from '../support/backlog.ts'
import { putCreateOrderLoad } from '../support/create-order-load.ts'
import { assertNoBreaches, type BenchDatabase, openDatabase } from '../support/database.ts'
import { startHoldfast, startPerOrderWorker, startStockYoga } from '../support/holdfast.ts'
import { takeTurns } from '../take-turns.ts'

const SKU = 'WIDGET'
const CONNECTIONS = 50
const DURATION_S = 60
const DURATION_QUICK_S = 5
const WARM_UP_S = 2
const SAMPLE_INTERVAL_MS = 500

const RATIO_MIN = 8
/** Reserving keeps up: what waits at the end is what came in within this time. */
const BACKLOG_MAX_S = 5

/** Per second, over the whole time; what waits to be reserved, in orders. */
type Run = { created: number; reserved: number; backlogAtEnd: number; backlogMax: number }

/** Orders come in as fast as they are taken, while they are reserved by the same process. */
export const scenario: Scenario = {
  name: 'mixed-load',
  description: 'orders are created and reserved at once, for a minute',
  run: async (context) => {
    const { holdfast, baselines } = await takeTurns(context, {
      holdfast: () => runHoldfast(context),
      baselines: () => runBaselines(context),
    })
    const compare = (title: string, of: (run: Run) => number): Comparison => ({
      kind: 'comparison',
      title: `both at once, ${CONNECTIONS} connections, one SKU: ${title}`,
      against: 'stock Yoga and a transaction an order, together',
      unit: 'orders/s',
      holdfast: holdfast.map(of),
      baseline: baselines.map(of),
      target: { kind: 'at-least', value: RATIO_MIN },
    })
    const backlog = (title: string, values: number[], target: Figure['target'], unit = 'orders'): Figure => ({
      kind: 'figure',
      title: `both at once: ${title}`,
      unit,
      values,
      target,
    })
    return [
      compare('created', (run) => run.created),
      compare('reserved', (run) => run.reserved),
      backlog(
        'what waits at the end, by the rate of creating',
        holdfast.map((run) => run.backlogAtEnd / run.created),
        { kind: 'at-most', value: BACKLOG_MAX_S, unit: 's' },
        's',
      ),
      backlog(
        'the most that waited',
        holdfast.map((run) => run.backlogMax),
        null,
      ),
      backlog(
        'the most that waited at the baselines',
        baselines.map((run) => run.backlogMax),
        null,
      ),
    ]
  },
}

async function runHoldfast(context: BenchContext): Promise<Run> {
  await using database = await openDatabase(context)
  await storeItems(database.client, [SKU])
  await using holdfast = await startHoldfast({ DATABASE_URL: database.url })
  const run = await measure(context, database, holdfast.url)
  await assertNoBreaches(database)
  return run
}

async function runBaselines(context: BenchContext): Promise<Run> {
  await using database = await openDatabase(context)
  await storeItems(database.client, [SKU])
  await using yoga = await startStockYoga(database.url)
  await using _worker = await startPerOrderWorker(database.url)
  return await measure(context, database, yoga.url)
}

async function measure(context: BenchContext, database: BenchDatabase, url: string): Promise<Run> {
  const durationS = context.isQuick ? DURATION_QUICK_S : DURATION_S
  let isLoading = true
  const load = putCreateOrderLoad({
    url,
    sku: SKU,
    connections: CONNECTIONS,
    warmUpS: WARM_UP_S,
    durationS,
  }).finally(() => {
    isLoading = false
  })
  const startedAt = performance.now()
  let backlogMax = 0
  let reservedAtStart: { count: number; at: number } | undefined
  while (isLoading) {
    await Promise.race([sleep(SAMPLE_INTERVAL_MS), load])
    if (!isLoading) break
    backlogMax = Math.max(backlogMax, await countBacklog(database))
    if (!reservedAtStart && performance.now() - startedAt > WARM_UP_S * 1000) {
      reservedAtStart = { count: await countReserved(database), at: performance.now() }
    }
  }
  const { perSecond } = await load
  const reserved = (await countReserved(database)) - reservedAtStart!.count
  const elapsedS = (performance.now() - reservedAtStart!.at) / 1000
  const backlogAtEnd = await countBacklog(database)
  return {
    created: perSecond,
    reserved: reserved / elapsedS,
    backlogAtEnd,
    backlogMax: Math.max(backlogMax, backlogAtEnd),
  }
}

/** By the counter of the SKU's row: to count orders would take longer with each second. */
async function countReserved({ client }: BenchDatabase): Promise<number> {
  const { rows } = await client.query('select reserved from stock_levels where sku = $1', [SKU])
  return Number(rows[0].reserved)
}

async function countBacklog({ client }: BenchDatabase): Promise<number> {
  const { rows } = await client.query(`select count(*)::int as count from orders where status = 'PENDING'`)
  return rows[0].count
}
