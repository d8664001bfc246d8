import type pg from 'pg'
import type { App } from '../../src/create-app.ts'
import { LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import { CALLS_UNDER_WAY_MAX } from '../../src/limits.ts'
import { reserveInventory } from '../../src/use-cases/orders/reserve-inventory.ts'
import { cancelOrder } from '../../src/use-cases/orders/verbs/cancel-order.ts'
import { shipOrder } from '../../src/use-cases/orders/verbs/ship-order.ts'
import * as perCall from '../baseline/transaction-per-call.ts'
import type { BenchContext, Comparison, Scenario } from '../scenario.ts'
import { openApp } from '../support/app.ts'
import { pickEvenly, skuNames, storeBacklog, storeItems } from '../support/backlog.ts'
import { assertNoBreaches, openDatabase } from '../support/database.ts'
import { CALLERS, measureCalls } from '../support/measure-calls.ts'
import { takeTurns } from '../take-turns.ts'

const ORDERS = 10_000
const ORDERS_QUICK = 3_000
/** Orders that are changed first: no side is timed while its code is compiled and its plans are made. */
const WARM_UP_ORDERS = 1_000
const RESERVED_TOGETHER = 1_000
const ITEMS = skuNames(1_000)

type Verb = {
  name: 'cancelOrder' | 'shipOrder'
  status: string
  holdfast: (app: App, id: string) => Promise<void>
  baseline: (pool: pg.Pool, id: string) => Promise<void>
}

const VERBS: readonly Verb[] = [
  {
    name: 'cancelOrder',
    status: 'CANCELLED',
    holdfast: callWith(cancelOrder),
    baseline: perCall.cancelOrder,
  },
  { name: 'shipOrder', status: 'SHIPPED', holdfast: callWith(shipOrder), baseline: perCall.shipOrder },
]

/** A process that takes as many calls as it ever does commits more of them together. */
const LOADS = [CALLERS, CALLS_UNDER_WAY_MAX]

/** Reserved orders are cancelled, and shipped, by their use-cases, against a transaction a call. No side has a transport. */
export const scenario: Scenario = {
  name: 'change-orders',
  description: 'reserved orders of 1,000 SKUs are cancelled, and shipped, by 50 callers and by 300',
  run: async (context) => {
    const measurements: Comparison[] = []
    for (const verb of VERBS) {
      for (const callers of LOADS) measurements.push(await compare(context, verb, callers))
    }
    return measurements
  },
}

async function compare(context: BenchContext, verb: Verb, callers: number): Promise<Comparison> {
  context.log(`change-orders: ${verb.name}, ${callers} callers`)
  const { holdfast, baseline } = await takeTurns(context, {
    holdfast: () => measure(context, verb, callers, (app, id) => verb.holdfast(app, id)),
    baseline: () => measure(context, verb, callers, (_app, id, pool) => verb.baseline(pool, id)),
  })
  return {
    kind: 'comparison',
    title: `${verb.name} of an order of 1,000 SKUs, ${callers} callers`,
    against: 'a transaction a call',
    unit: 'orders/s',
    holdfast,
    baseline,
    target: { kind: 'at-least', value: 8 },
  }
}

type Change = (app: App, id: string, pool: pg.Pool) => Promise<void>

async function measure(
  context: BenchContext,
  { status }: Verb,
  callers: number,
  change: Change,
): Promise<number> {
  const count = WARM_UP_ORDERS + (context.isQuick ? ORDERS_QUICK : ORDERS)
  await using database = await openDatabase(context)
  await storeItems(database.client, ITEMS)
  await using holdfast = await openApp(database.url)
  const { app } = holdfast
  const pool = perCall.openPool(database.url)
  try {
    const ids = await storeBacklog(database.client, pickEvenly(ITEMS, count))
    for (let start = 0; start < count; start += RESERVED_TOGETHER) {
      const batch = ids.slice(start, start + RESERVED_TOGETHER)
      await reserveInventory(
        app,
        batch.map((orderId) => ({ orderId })),
      )
    }
    await measureCalls(ids.slice(0, WARM_UP_ORDERS), (id) => change(app, id, pool), callers)
    const rate = await measureCalls(ids.slice(WARM_UP_ORDERS), (id) => change(app, id, pool), callers)
    const { rows } = await database.client.query(
      'select count(*)::int as count from orders where status = $1',
      [status],
    )
    if (rows[0].count !== count) throw new Error(`${rows[0].count} of ${count} orders are ${status}`)
    await assertNoBreaches(database)
    return rate
  } finally {
    await pool.end()
  }
}

/** Calls a use-case of Holdfast, which is to do what it is asked. */
function callWith(verb: typeof cancelOrder | typeof shipOrder): Verb['holdfast'] {
  return async (app, id) => {
    const { userErrors } = await verb(app, LOCAL_OPERATOR, { id })
    if (userErrors[0]) throw new Error(userErrors[0].message)
  }
}
