import pg from 'pg'
import type { BareTransactions } from './baseline/bare-transaction.ts'
import { type Env, runProcess, type ServerProcess, startServer } from './child-process.ts'
import { type HttpLoad, type LoadResult, putHttpLoad } from './http-load.ts'
import type { BenchContext } from './scenario.ts'
import { startHoldfast } from './support/holdfast.ts'

/** How long, and on how many connections, orders come in. */
export type CreateOrderLoad = Pick<HttpLoad, 'connections' | 'warmUpS' | 'durationS'>

/** Of callers who each wait for their answer: what the targets are said for. */
export const CONNECTIONS = 50

/** The load by which rates of creating are compared. */
export function loadOf({ isQuick }: BenchContext): CreateOrderLoad {
  return { connections: CONNECTIONS, warmUpS: isQuick ? 1 : 5, durationS: isQuick ? 2 : 10 }
}

const SKU = 'WIDGET'
const LISTENING = /listening at (http:[\w.:/]+)/

const GRAPHQL = {
  path: '/graphql',
  body: JSON.stringify({
    query: `mutation CreateOrder($input: CreateOrderInput!) {
      createOrder(input: $input) {
        order { id status version }
        userErrors { code message field }
      }
    }`,
    variables: { input: { sku: SKU, qty: 1 } },
  }),
  status: 200,
  bodyIncludes: '"status":"PENDING","version":1},"userErrors":[]',
}

const REST = {
  path: '/api/order',
  body: JSON.stringify({ sku: SKU, qty: 1 }),
  status: 201,
  bodyIncludes: '"status":"pending"',
}

/** Holdfast as it is deployed, `ROLE=api`: takes orders, and leaves reserving to others. */
export function loadHoldfast(
  context: BenchContext,
  api: 'graphql' | 'rest',
  load: CreateOrderLoad,
  env: Env = {},
): Promise<LoadResult> {
  return withOrdersDatabase(context, async (databaseUrl) => {
    await using holdfast = await startHoldfast({
      DATABASE_URL: databaseUrl,
      ROLE: 'api',
      LOG_LEVEL: 'info',
      ...env,
    })
    return await putHttpLoad({ ...(api === 'graphql' ? GRAPHQL : REST), ...load, url: holdfast.url })
  })
}

/** Stock Yoga, one transaction a request. It has GraphQL alone. */
export function loadStock(context: BenchContext, load: CreateOrderLoad): Promise<LoadResult> {
  return withOrdersDatabase(context, (databaseUrl) =>
    withServer(
      () => startBaseline('stock-yoga', { DATABASE_URL: databaseUrl }),
      (url) => putHttpLoad({ ...GRAPHQL, ...load, url }),
    ),
  )
}

/** Holdfast's server with a mutation that does nothing. */
export function loadNoop(load: CreateOrderLoad): Promise<LoadResult> {
  return withServer(
    () => startBaseline('noop-server'),
    (url) => putHttpLoad({ ...GRAPHQL, ...load, url }),
  )
}

/** One transaction after the other, without a server. */
export function loadBareTransaction(
  context: BenchContext,
  { warmUpS, durationS }: CreateOrderLoad,
): Promise<LoadResult> {
  return withOrdersDatabase(context, (databaseUrl) => {
    const options: BareTransactions = { databaseUrl, sku: SKU, warmUpS, durationS }
    return runProcess<LoadResult>('bench/baseline/bare-transaction.ts', options)
  })
}

function startBaseline(name: string, env: Env = {}): Promise<ServerProcess> {
  return startServer(`bench/baseline/${name}.ts`, { LOG_LEVEL: 'info', ...env }, LISTENING)
}

async function withServer<Result>(
  start: () => Promise<ServerProcess>,
  work: (url: string) => Promise<Result>,
): Promise<Result> {
  const server = await start()
  try {
    return await work(server.url)
  } finally {
    await server.stop()
  }
}

/** Runs `work` on a database with one item in stock, and checks what it has left there. */
async function withOrdersDatabase(
  context: BenchContext,
  work: (databaseUrl: string) => Promise<LoadResult>,
): Promise<LoadResult> {
  const { url, drop } = await context.createDatabase()
  try {
    await query(url, `insert into inventory_items values ('${SKU}', 'Widget', 0, 0)`)
    const result = await work(url)
    await assertAllThere(url, result.answered)
    return result
  } finally {
    await drop()
  }
}

/** Acknowledged means committed, with event and job, each once. */
async function assertAllThere(databaseUrl: string, answered: number): Promise<void> {
  const [counts] = await query(
    databaseUrl,
    `select
      (select count(*)::int from orders) as orders,
      (select count(*)::int from order_events) as events,
      (select count(*)::int from graphile_worker._private_jobs) as jobs,
      (
        select count(*)::int
        from orders
        join order_events on order_id = orders.id
        join graphile_worker._private_jobs on (payload ->> 'orderId')::uuid = orders.id
      ) as complete`,
  )
  const areAllThere = Object.values(counts).every((count) => count === answered)
  if (!areAllThere) {
    throw new Error(`${answered} orders were acknowledged, and there are ${JSON.stringify(counts)}`)
  }
}

async function query(databaseUrl: string, statement: string) {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    return (await client.query(statement)).rows
  } finally {
    await client.end()
  }
}
