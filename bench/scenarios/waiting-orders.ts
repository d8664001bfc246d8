import { setTimeout as sleep } from 'node:timers/promises'
import type { App } from '../../src/create-app.ts'
import { LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import { createOrder } from '../../src/use-cases/orders/create-order.ts'
import { reserveInventory } from '../../src/use-cases/orders/reserve-inventory.ts'
import { serveWaiting } from '../../src/use-cases/orders/serve-waiting.ts'
import { cancelOrder } from '../../src/use-cases/orders/verbs/cancel-order.ts'
import { adjustInventory } from '../../src/use-cases/stock/verbs/adjust-inventory.ts'
import type { BenchContext, Comparison, Figure, Scenario } from '../scenario.ts'
import { median } from '../statistics.ts'
import { openApp } from '../support/app.ts'
import { type BacklogOptions, pickEvenly, skuNames, storeBacklog, storeItems } from '../support/backlog.ts'
import { assertNoBreaches, type BenchDatabase, openDatabase } from '../support/database.ts'
import { measureDrain, WARM_UP_ORDERS } from '../support/drain.ts'
import { startHoldfast } from '../support/holdfast.ts'
import { takeTurns } from '../take-turns.ts'

/** A SKU that everybody waits for, and one that nobody does. */
const CROWDED = 'CROWDED'
const QUIET = 'QUIET'
/** Served before a measurement: code is compiled and plans are made meanwhile. */
const WARM = 'WARM'

const WAITING = 100_000
const WAITING_QUICK = 2_000
const RESERVED_TOGETHER = 1_000
/** Orders that are timed one by one, of either SKU, behind some that are not. */
const TIMED = 300
const TIMED_QUICK = 30
const UNTIMED = 30

const HOLDS = 10_000
const HOLDS_QUICK = 1_000
const HOLD_ITEMS = skuNames(1_000)

const POLL_INTERVAL_MS = 20
const LIMIT_MS = 180_000

const RESERVE_RATIO_MAX = 1.2
const SERVE_SHARE_MIN = 0.5
const PASS_MAX_MS = 50
const EXPIRY_MAX_S = 5

/** What it costs that others wait, how fast they are served, and how soon holds are released. */
export const scenario: Scenario = {
  name: 'waiting-orders',
  description: '100,000 orders wait for a SKU: new orders, receipts, and serving them; 10,000 holds expire',
  run: async (context) => [
    ...(await measureBesideWaiting(context)),
    await compareServing(context),
    await measureExpiry(context),
  ],
}

/** Milliseconds of one run: of the median pass, or reservation. */
type BesideWaiting = {
  nobodyFits: number
  lastFits: number
  reserve: Record<'short' | 'there', Record<'crowded' | 'quiet', number>>
}

async function measureBesideWaiting(context: BenchContext): Promise<(Comparison | Figure)[]> {
  context.log('waiting-orders: beside those who wait')
  const runs: BesideWaiting[] = []
  for (let repetition = 0; repetition < context.repetitions; repetition++) {
    runs.push(await besideWaiting(context))
  }
  const many = countOf(context)
  const comparison = (stock: 'short' | 'there', what: string): Comparison => ({
    kind: 'comparison',
    title: `reserving an order of a SKU that ${many} wait for, ${what}`,
    against: 'of a SKU that nobody waits for',
    unit: 'ms',
    holdfast: runs.map(({ reserve }) => reserve[stock].crowded),
    baseline: runs.map(({ reserve }) => reserve[stock].quiet),
    target: { kind: 'at-most', value: RESERVE_RATIO_MAX },
  })
  const figure = (title: string, values: number[]): Figure => ({
    kind: 'figure',
    title,
    unit: 'ms',
    values,
    target: { kind: 'at-most', value: PASS_MAX_MS, unit: 'ms' },
  })
  return [
    comparison('short', '0 in stock'),
    comparison('there', '1 in stock'),
    figure(
      `a pass over ${many} of whom 1 more in stock serves nobody`,
      runs.map(({ nobodyFits }) => nobodyFits),
    ),
    figure(
      `a pass over ${many} of whom 1 more in stock serves the last`,
      runs.map(({ lastFits }) => lastFits),
    ),
  ]
}

async function besideWaiting(context: BenchContext): Promise<BesideWaiting> {
  await using database = await openDatabase(context)
  await storeItems(database.client, [CROWDED, QUIET], 0)
  await using holdfast = await openApp(database.url)
  const { app } = holdfast
  await storeReserved(database, app, Array<string>(sizeOf(context)).fill(CROWDED), {
    ifShort: 'WAIT',
    qty: 2,
  })
  const reserve = {
    short: await timeReservations(context, app, 0),
    there: await timeReservations(context, app, 1),
  }
  const nobodyFits = await timePasses(context, app, async () => {})
  const lastFits = await timePasses(context, app, async () => {
    await place(app, CROWDED)
  })
  await assertNoBreaches(database)
  return { nobodyFits, lastFits, reserve }
}

/** Reserves orders of one piece of either SKU in turns, each in a transaction of its own, and takes each back. */
async function timeReservations(context: BenchContext, app: App, inStock: number) {
  for (const sku of [CROWDED, QUIET]) await adjust(app, sku, inStock)
  await serveWaiting(app, { sku: CROWDED })
  const times = { crowded: [] as number[], quiet: [] as number[] }
  for (let count = 0; count < UNTIMED + timedOf(context); count++) {
    for (const [side, sku] of [
      ['crowded', CROWDED],
      ['quiet', QUIET],
    ] as const) {
      const { id, elapsedMs } = await place(app, sku)
      if (count >= UNTIMED) times[side].push(elapsedMs)
      await cancelOrder(app, LOCAL_OPERATOR, { id })
      await serveWaiting(app, { sku })
    }
  }
  for (const sku of [CROWDED, QUIET]) await adjust(app, sku, -inStock)
  return { crowded: median(times.crowded), quiet: median(times.quiet) }
}

/** Times passes, each after one more piece has come, which is gone behind it. */
async function timePasses(context: BenchContext, app: App, prepare: () => Promise<void>): Promise<number> {
  const times: number[] = []
  for (let count = 0; count < UNTIMED + timedOf(context); count++) {
    await prepare()
    await adjust(app, CROWDED, 1)
    const startedAt = performance.now()
    await serveWaiting(app, { sku: CROWDED })
    if (count >= UNTIMED) times.push(performance.now() - startedAt)
    const { rows } = await app.pool.query('select available::int from stock_levels where sku = $1', [CROWDED])
    await adjust(app, CROWDED, -rows[0].available)
  }
  return median(times)
}

/** Creates an order of one piece, which waits if it is short, and times its reservation. */
async function place(app: App, sku: string): Promise<{ id: string; elapsedMs: number }> {
  const request = { sku, qty: 1, ifShort: 'WAIT' as const, customerId: null, idempotencyKey: null }
  const { order } = await createOrder(app, LOCAL_OPERATOR, request)
  const startedAt = performance.now()
  await reserveInventory(app, [{ orderId: order!.id }])
  return { id: order!.id, elapsedMs: performance.now() - startedAt }
}

async function adjust(app: App, sku: string, delta: number): Promise<void> {
  if (delta === 0) return
  const request = { sku, delta, reason: 'bench', expectedAvailable: null }
  const { userErrors } = await adjustInventory(app, LOCAL_OPERATOR, request)
  if (userErrors[0]) throw new Error(userErrors[0].message)
}

async function compareServing(context: BenchContext): Promise<Comparison> {
  context.log('waiting-orders: a receipt for all who wait')
  const { holdfast, baseline } = await takeTurns(context, {
    holdfast: () => serve(context),
    baseline: () => drain(context),
  })
  return {
    kind: 'comparison',
    title: `a receipt of ${countOf(context)} serves those who wait`,
    against: 'a backlog of as many orders is reserved',
    unit: 'orders/s',
    holdfast,
    baseline,
    target: { kind: 'at-least', value: SERVE_SHARE_MIN },
  }
}

async function serve(context: BenchContext): Promise<number> {
  const size = sizeOf(context)
  await using database = await openDatabase(context)
  await storeItems(database.client, [WARM, CROWDED], 0)
  await using holdfast = await openApp(database.url)
  const { app } = holdfast
  await storeReserved(database, app, Array<string>(WARM_UP_ORDERS).fill(WARM), { ifShort: 'WAIT' })
  await storeReserved(database, app, Array<string>(size).fill(CROWDED), { ifShort: 'WAIT' })
  await using _worker = await startHoldfast({ DATABASE_URL: database.url, ROLE: 'worker' })
  await adjust(app, WARM, WARM_UP_ORDERS)
  await untilNone(database, waitingOf(WARM))
  await adjust(app, CROWDED, size)
  const startedAt = performance.now()
  await untilNone(database, waitingOf(CROWDED))
  const rate = (size / (performance.now() - startedAt)) * 1000
  await assertNoBreaches(database)
  return rate
}

async function drain(context: BenchContext): Promise<number> {
  await using database = await openDatabase(context)
  await storeItems(database.client, [CROWDED])
  await using _worker = await startHoldfast({ DATABASE_URL: database.url, ROLE: 'worker' })
  return await measureDrain(database, Array<string>(sizeOf(context)).fill(CROWDED))
}

async function measureExpiry(context: BenchContext): Promise<Figure> {
  context.log('waiting-orders: holds that expire together')
  const values: number[] = []
  for (let repetition = 0; repetition < context.repetitions; repetition++)
    values.push(await expireAll(context))
  return {
    kind: 'figure',
    title: `${holdsOf(context).toLocaleString('en')} holds of 1,000 SKUs that expire at one instant are released`,
    unit: 's',
    values,
    target: { kind: 'at-most', value: EXPIRY_MAX_S, unit: 's' },
  }
}

async function expireAll(context: BenchContext): Promise<number> {
  await using database = await openDatabase(context)
  await storeItems(database.client, HOLD_ITEMS)
  await using holdfast = await openApp(database.url)
  const skus = pickEvenly(HOLD_ITEMS, holdsOf(context))
  await storeReserved(database, holdfast.app, skus, { holdSeconds: 3_600 })
  await using _worker = await startHoldfast({ DATABASE_URL: database.url, ROLE: 'worker' })
  await database.client.query(`update orders set expires_at = clock_timestamp() + interval '1 s'`)
  await sleep(1_000)
  const startedAt = performance.now()
  await untilNone(database, `select from orders where expires_at is not null and status < 'FAILED' limit 1`)
  const elapsedS = (performance.now() - startedAt) / 1_000
  await assertNoBreaches(database)
  return elapsedS
}

/** Writes orders, and looks at each once, without a worker. */
async function storeReserved(
  { client }: BenchDatabase,
  app: App,
  skus: readonly string[],
  options: BacklogOptions,
): Promise<void> {
  const ids = await storeBacklog(client, skus, RESERVED_TOGETHER, options)
  await client.query('truncate graphile_worker._private_jobs')
  for (let start = 0; start < ids.length; start += RESERVED_TOGETHER) {
    const batch = ids.slice(start, start + RESERVED_TOGETHER)
    await reserveInventory(
      app,
      batch.map((orderId) => ({ orderId })),
    )
  }
}

/** The newest first: they are served oldest first, so that this finds one at once as long as there is one. */
function waitingOf(sku: string): string {
  return `select from order_lines where sku = '${sku}' and queued_qty is not null order by sku desc, order_id desc limit 1`
}

async function untilNone({ client }: BenchDatabase, text: string): Promise<void> {
  const startedAt = performance.now()
  while ((await client.query(text)).rowCount !== 0) {
    if (performance.now() - startedAt > LIMIT_MS) throw new Error(`Still found after ${LIMIT_MS} ms: ${text}`)
    await sleep(POLL_INTERVAL_MS)
  }
}

function sizeOf({ isQuick }: BenchContext): number {
  return isQuick ? WAITING_QUICK : WAITING
}

function countOf(context: BenchContext): string {
  return sizeOf(context).toLocaleString('en')
}

function timedOf({ isQuick }: BenchContext): number {
  return isQuick ? TIMED_QUICK : TIMED
}

function holdsOf({ isQuick }: BenchContext): number {
  return isQuick ? HOLDS_QUICK : HOLDS
}
