import type pg from 'pg'
import { reserveSetBased } from '../baseline/reserve-set-based.ts'
import type { BenchContext, Measurement, Scenario } from '../scenario.ts'
import { pickByZipf, pickEvenly, skuNames, storeBacklog, storeItems } from '../support/backlog.ts'
import { openDatabase } from '../support/database.ts'
import { drainByHoldfast, drainPerOrder } from '../support/drain-sides.ts'
import { takeTurns } from '../take-turns.ts'

const ORDERS = 20_000
const ORDERS_QUICK = 2_000
const ITEMS = skuNames(1_000)

/** How the orders of a backlog spread over SKUs, and how much faster than one by one they must be reserved. */
const BACKLOGS = [
  { title: 'one SKU', ratioMin: 15, pick: (count: number) => pickEvenly(ITEMS.slice(0, 1), count) },
  { title: '1,000 SKUs', ratioMin: 5, pick: (count: number) => pickEvenly(ITEMS, count) },
  { title: '1,000 SKUs by Zipf', ratioMin: 5, pick: (count: number) => pickByZipf(ITEMS, count) },
]

const CEILING_SHARE_MIN = 0.3

/** Reserving orders that wait, against a transaction an order and against one statement for all of them. */
export const scenario: Scenario = {
  name: 'reserve-backlog',
  description: 'orders that wait are reserved: of one SKU, of 1,000, and Zipf-distributed',
  run: async (context) => {
    const measurements: Measurement[] = []
    for (const { title, ratioMin, pick } of BACKLOGS) {
      const skus = pick(context.isQuick ? ORDERS_QUICK : ORDERS)
      measurements.push(...(await compare(context, title, skus, ratioMin)))
    }
    return measurements
  },
}

async function compare(
  context: BenchContext,
  title: string,
  skus: string[],
  ratioMin: number,
): Promise<Measurement[]> {
  context.log(`reserve-backlog: ${title}`)
  const backlog = { skus, store: (client: pg.ClientBase) => storeItems(client, ITEMS) }
  const { holdfast, perOrder, atOnce } = await takeTurns(context, {
    holdfast: () => drainByHoldfast(context, backlog),
    perOrder: () => drainPerOrder(context, backlog),
    atOnce: () => reserveAtOnce(context, skus),
  })
  const line = {
    kind: 'comparison' as const,
    title: `reserving ${skus.length.toLocaleString('en')} orders of ${title}`,
    unit: 'orders/s',
    holdfast,
  }
  return [
    {
      ...line,
      against: 'a transaction an order',
      baseline: perOrder,
      target: { kind: 'at-least', value: ratioMin },
    },
    {
      ...line,
      against: 'one SQL statement for all',
      baseline: atOnce,
      target: { kind: 'at-least', value: CEILING_SHARE_MIN },
    },
  ]
}

async function reserveAtOnce(context: BenchContext, skus: string[]): Promise<number> {
  await using database = await openDatabase(context)
  await storeItems(database.client, ITEMS)
  await storeBacklog(database.client, skus)
  // the best plan that there is
  await database.client.query('analyze')
  const startedAt = performance.now()
  const reserved = await reserveSetBased(database.client)
  const elapsedMs = performance.now() - startedAt
  if (reserved !== skus.length) throw new Error(`The statement reserved ${reserved} of ${skus.length} orders`)
  return (reserved / elapsedMs) * 1000
}
