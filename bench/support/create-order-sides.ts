import type { BareTransactions } from '../baseline/bare-transaction.ts'
import { type Env, runProcess } from '../child-process.ts'
import { type HttpLoad, type LoadResult, putHttpLoad } from '../http-load.ts'
import type { BenchContext } from '../scenario.ts'
import { storeItems } from './backlog.ts'
import { createOrderLoad, createOrderRestLoad, putCreateOrderLoad } from './create-order-load.ts'
import { type BenchDatabase, openDatabase } from './database.ts'
import { startHoldfast, startNoopServer, startStockYoga } from './holdfast.ts'

/** How long, and on how many connections, orders come in. */
export type CreateOrderLoad = Pick<HttpLoad, 'connections' | 'warmUpS' | 'durationS'>

/** Of callers who each wait for their answer: what the targets are said for. */
export const CONNECTIONS = 50

/** The load by which rates of creating are compared. */
export function loadOf({ isQuick }: BenchContext): CreateOrderLoad {
  return { connections: CONNECTIONS, warmUpS: isQuick ? 1 : 5, durationS: isQuick ? 2 : 10 }
}

const SKU = 'WIDGET'

/** Holdfast as it is deployed, `ROLE=api`: takes orders, and leaves reserving to others. */
export function loadHoldfast(
  context: BenchContext,
  api: 'graphql' | 'rest',
  load: CreateOrderLoad,
  env: Env = {},
): Promise<LoadResult> {
  const request = api === 'graphql' ? createOrderLoad(SKU) : createOrderRestLoad(SKU)
  return onFreshDatabase(context, async (databaseUrl) => {
    await using holdfast = await startHoldfast({ DATABASE_URL: databaseUrl, ROLE: 'api', ...env })
    return await putHttpLoad({ ...request, ...load, url: holdfast.url })
  })
}

/** Stock Yoga, one transaction a request. It has GraphQL alone. */
export function loadStock(context: BenchContext, load: CreateOrderLoad): Promise<LoadResult> {
  return onFreshDatabase(context, async (databaseUrl) => {
    await using yoga = await startStockYoga(databaseUrl)
    return await putCreateOrderLoad({ ...load, url: yoga.url, sku: SKU })
  })
}

/** Holdfast's server with a mutation that does nothing. */
export async function loadNoop(load: CreateOrderLoad): Promise<LoadResult> {
  await using server = await startNoopServer()
  return await putCreateOrderLoad({ ...load, url: server.url, sku: SKU })
}

/** One transaction after the other, without a server. */
export function loadBareTransaction(
  context: BenchContext,
  { warmUpS, durationS }: CreateOrderLoad,
): Promise<LoadResult> {
  return onFreshDatabase(context, (databaseUrl) => {
    const options: BareTransactions = { databaseUrl, sku: SKU, warmUpS, durationS }
    return runProcess<LoadResult>('bench/baseline/bare-transaction.ts', options)
  })
}

/** Runs `work` on a database with one item, and checks what it has left there. */
async function onFreshDatabase(
  context: BenchContext,
  work: (databaseUrl: string) => Promise<LoadResult>,
): Promise<LoadResult> {
  await using database = await openDatabase(context)
  await storeItems(database.client, [SKU], 0)
  const result = await work(database.url)
  await assertAllThere(database, result.answered)
  return result
}

/** Acknowledged means committed, with an event and a place in a job, each once. */
async function assertAllThere({ client }: BenchDatabase, answered: number): Promise<void> {
  const { rows } = await client.query(
    `with enqueued as (
      -- a job of all orders of a commit, or of one order, as a baseline writes it
      select (ref ->> 'orderId')::uuid as order_id
      from graphile_worker._private_jobs
      cross join lateral json_array_elements(
        case json_typeof(payload -> 'orders') when 'array' then payload -> 'orders' else json_build_array(payload) end
      ) as ref
    )
    select
      (select count(*)::int from orders) as orders,
      (select count(*)::int from order_events) as events,
      (select count(*)::int from enqueued) as enqueued,
      (
        select count(*)::int
        from orders join order_events on order_id = orders.id join enqueued on enqueued.order_id = orders.id
      ) as complete`,
  )
  const areAllThere = Object.values(rows[0]).every((count) => count === answered)
  if (!areAllThere) {
    throw new Error(`${answered} orders were acknowledged, and there are ${JSON.stringify(rows[0])}`)
  }
}
