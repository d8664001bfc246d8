import { LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import { createOrder } from '../../src/use-cases/orders/create-order.ts'
import * as perCall from '../baseline/transaction-per-call.ts'
import type { BenchContext, Scenario } from '../scenario.ts'
import { openApp } from '../support/app.ts'
import { pickLines, skuNames, storeItems } from '../support/backlog.ts'
import { assertNoBreaches, type BenchDatabase, openDatabase } from '../support/database.ts'
import { CALLERS, measureCalls } from '../support/measure-calls.ts'
import { takeTurns } from '../take-turns.ts'

const ORDERS = 20_000
const ORDERS_QUICK = 3_000
/** Orders that are created first: no side is timed while its code is compiled and its plans are made. */
const WARM_UP_ORDERS = 1_000
const LINES = 5
const ITEMS = skuNames(1_000)

/** Orders of several lines are created by the use-case, against a transaction an order. No side has a transport. */
export const scenario: Scenario = {
  name: 'create-lines',
  description: 'orders of 5 lines of 1,000 SKUs are created by 50 callers',
  run: async (context) => {
    const { holdfast, baseline } = await takeTurns(context, {
      holdfast: () => measureHoldfast(context),
      baseline: () => measureBaseline(context),
    })
    return [
      {
        kind: 'comparison',
        title: `createOrder of ${LINES} lines, of 1,000 SKUs, ${CALLERS} callers`,
        against: 'a transaction an order',
        unit: 'orders/s',
        holdfast,
        baseline,
        target: { kind: 'at-least', value: 8 },
      },
    ]
  },
}

function measureHoldfast(context: BenchContext): Promise<number> {
  return measure(context, async (database, skus, warmUp) => {
    await using holdfast = await openApp(database.url)
    const create = async (skus: readonly string[]) => {
      const lines = skus.map((sku) => ({ sku, qty: 1 }))
      const { userErrors } = await createOrder(holdfast.app, LOCAL_OPERATOR, {
        lines,
        idempotencyKey: null,
        customerId: null,
      })
      if (userErrors[0]) throw new Error(userErrors[0].message)
    }
    await measureCalls(warmUp, create)
    return await measureCalls(skus, create)
  })
}

function measureBaseline(context: BenchContext): Promise<number> {
  return measure(context, async (database, skus, warmUp) => {
    const pool = perCall.openPool(database.url)
    const create = (skus: readonly string[]) => perCall.createOrder(pool, skus)
    try {
      await measureCalls(warmUp, create)
      return await measureCalls(skus, create)
    } finally {
      await pool.end()
    }
  })
}

type Run = (database: BenchDatabase, skus: string[][], warmUp: string[][]) => Promise<number>

async function measure(context: BenchContext, run: Run): Promise<number> {
  await using database = await openDatabase(context)
  await storeItems(database.client, ITEMS)
  const all = pickLines(ITEMS, WARM_UP_ORDERS + (context.isQuick ? ORDERS_QUICK : ORDERS), LINES)
  const rate = await run(database, all.slice(WARM_UP_ORDERS), all.slice(0, WARM_UP_ORDERS))
  const { rows } = await database.client.query(
    `select (select count(*)::int from orders) as orders, (select count(*)::int from order_lines) as lines`,
  )
  if (rows[0].orders !== all.length || rows[0].lines !== all.length * LINES) {
    throw new Error(`${all.length} orders were created, and there are ${JSON.stringify(rows[0])}`)
  }
  // each is PENDING, and has its event and its place in a job
  await assertNoBreaches(database)
  return rate
}
