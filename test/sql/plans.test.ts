import { inspect } from 'node:util'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { exercise, exerciseQueue } from '../../bench/support/exercise.ts'
import { type RecordedStatement, recordStatements } from '../../bench/support/recorded-statements.ts'
import { encodeCursor } from '../../src/cursor.ts'
import { connect, ServerPool } from '../../src/database/connections.ts'
import { type Caller, LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import { ORDER_STATUSES } from '../../src/domain/orders/order-status.ts'
import { createGraphQLServer } from '../../src/http/graphql/graphql-server.ts'
import { observeService } from '../../src/use-cases/upkeep/read-service-status.ts'
import { rescueJobs } from '../../src/use-cases/upkeep/rescue-jobs.ts'
import { createTestApp, eventually, seed, startTestWorker, type TestApp } from '../support/harness.ts'

// Whether each statement of the application is planned well: by PostgreSQL's own account of what it read, on the server that
// the tests run on, with few rows and with many, and with statistics of another time. Its time says nothing here.

const OPEN = 200_000
const DONE = 1_000_000
/** Orders that wait for stock, half of them holds, all of one SKU. */
const WAITING = 100_000
/** Orders that `exercise` places, in all stages. */
const EXERCISED_MAX = 100
/** What a statement of a batch or a page may have to do with: rows that a node of its plan reads, makes or leaves out. */
const ROWS_MAX = 5_000
/** Statements that are to look at more, and why. */
const ALLOWED: Record<string, number> = {
  // COUNTED_MAX of each state, of ready jobs and of dead letters
  'read-status': 50_000,
  // COUNTED_MAX of the jobs, whatever they are about
  'count-jobs': 10_001,
  'find-jobs-of': 10_001,
  // every open order and every job, each a few times: never one for each of the other
  'find-orphans': 3 * OPEN,
  // every job, once
  'find-unknown-holders': OPEN + 1_000,
  'lock-dead-jobs': OPEN + 1_000,
  'requeue-lost-queues': OPEN + 1_000,
  // a worker has died: no index lists what each holds
  'rescue-jobs-of': OPEN + 1_000,
  // every line that waits for the SKU
  'sum-backorders': WAITING + EXERCISED_MAX,
  // a short ledger, once for each level of a page
  'find-count-sheet-page': 200 * EXERCISED_MAX,
  // a customer's own orders, where it has none of the SKU
  'list-older-customer-sku-orders': OPEN + DONE + EXERCISED_MAX,
  'list-newer-customer-sku-orders': OPEN + DONE + EXERCISED_MAX,
  // no index has SKU and state: open orders of a rare SKU, and those in a rare state of a common one
  'list-older-sku-orders': OPEN + EXERCISED_MAX,
  'list-newer-sku-orders': OPEN + EXERCISED_MAX,
  'list-older-sku-line-orders': OPEN + DONE + EXERCISED_MAX,
  'list-newer-sku-line-orders': OPEN + DONE + EXERCISED_MAX,
  // a customer's own orders, where it has no hold
  'list-older-hold-customer-orders': OPEN + DONE + EXERCISED_MAX,
  'list-newer-hold-customer-orders': OPEN + DONE + EXERCISED_MAX,
  'list-older-hold-customer-sku-orders': OPEN + DONE + EXERCISED_MAX,
  'list-newer-hold-customer-sku-orders': OPEN + DONE + EXERCISED_MAX,
  // or none of the SKU
  'list-older-firm-customer-sku-orders': OPEN + DONE + EXERCISED_MAX,
  'list-newer-firm-customer-sku-orders': OPEN + DONE + EXERCISED_MAX,
  // every hold, where none is of the SKU
  'list-older-hold-sku-orders': WAITING + EXERCISED_MAX,
  'list-newer-hold-sku-orders': WAITING + EXERCISED_MAX,
}

let test_: TestApp
let client: pg.Client
let fetch: Awaited<ReturnType<typeof recordFetch>>
beforeAll(async () => {
  test_ = await createTestApp()
  test_.allowBreaches('the rows are made up, as many as a plan is chosen for')
  // as the application's own
  client = await connect(
    test_.databaseUrl,
    { application_name: 'test', query_timeout: 300_000, settings: { statement_timeout: '0' } },
    () => {},
  )
  fetch = await recordFetch()
  // statistics are as old as the test makes them
  const { rows } = await client.query(`
    select oid::regclass::text as name from pg_class
    where relkind = 'r' and relnamespace in ('public'::regnamespace, 'graphile_worker'::regnamespace)`)
  for (const { name } of rows) await client.query(`alter table ${name} set (autovacuum_enabled = off)`)
  await client.query('analyze')
  await storeItems(client)
  await seed(test_.app).order({ sku: 'COMMON' })
})
afterAll(async () => {
  await client?.end()
  await test_?.close()
})

const STAGES: { data: string; statistics: string; fill: (client: pg.Client) => Promise<unknown> }[] = [
  { data: 'next to nothing', statistics: 'of an empty database', fill: async () => {} },
  { data: '200,000 open orders', statistics: 'of an empty database', fill: storeOpen },
  { data: '200,000 open orders', statistics: 'as they are', fill: (client) => client.query('analyze') },
  { data: '200,000 open and 1,000,000 done', statistics: 'of open orders alone', fill: storeDone },
  {
    data: '200,000 open and 1,000,000 done',
    statistics: 'as they are',
    fill: (client) => client.query('analyze'),
  },
  { data: '1,000,000 done', statistics: 'of 200,000 open ones beside them', fill: dropOpen },
]

describe.each(STAGES)('with $data and statistics $statistics', ({ fill }) => {
  beforeAll(async () => {
    await fill(client)
  }, 300_000)

  test('no statement reads, sorts or throws away more than it is to', async () => {
    const statements = await recordAll()
    expect(statements.length).toBeGreaterThan(100)
    const found: string[] = []
    for (const statement of statements) found.push(...(await findExcess(statement, client)))
    expect(found).toEqual([])
  }, 180_000)

  test('the queue is read by its index, and no further than is fetched', async () => {
    // what is explained is what is run: no plan of another time is kept
    const pool = new ServerPool(test_.databaseUrl, { application_name: 'test', settings: fetch.settings })
    const worker = await pool.connect()
    expect(await findExcess(fetch, worker)).toEqual([])
    worker.release()
    await pool.end()
  })

  test('jobs are added without a look at those that wait', async () => {
    const countRead = async () => {
      // those of this connection that it has not reported yet, within functions as well
      const { rows } = await client.query(`
        select sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::int as read
        from pg_stat_xact_all_tables where schemaname = 'graphile_worker'`)
      return rows[0].read
    }
    await client.query('begin')
    const before = await countRead()
    await client.query(`
      select graphile_worker.add_jobs(array(
        select row('reserve-inventory', '{}', null, now(), 8, null, null, null)::graphile_worker.job_spec
        from generate_series(1, 100)
      ))`)
    const after = await countRead()
    await client.query('rollback')
    expect(after - before).toBeLessThan(ROWS_MAX)
  })
})

/** Every statement that the application has for callers, jobs and upkeep, as it runs it now, with each of its lists' parameters. */
async function recordAll(): Promise<RecordedStatement[]> {
  const { pool } = test_.app
  const statements = await recordStatements(pool, ({ text, values }) => inspect([text, values], { depth: 9 }))
  const { rows } = await client.query('select id from orders order by id desc limit 1')
  await exercise(test_.app, { orderId: rows[0].id, sku: 'COMMON' })
  await exerciseQueue(test_.app, 'CROWDED')
  // what is explained finds a queue that is served, and somebody there who fits
  await client.query(`update stock_levels set available = 2 where sku = 'CROWDED'`)
  await client.query(`insert into serving (sku) values ('CROWDED') on conflict (sku) do nothing`)
  await rescueJobs(test_.app, { alsoUnknown: true })
  await observeService(test_.app)
  await ask(LOCAL_OPERATOR, `{ orders(filter: { customerId: "few" }) ${ORDER_PAGE} }`, {})
  for (const caller of [LOCAL_OPERATOR, customer('many'), customer('few')]) {
    for (const [text, variables] of caller.role === 'customer' ? LISTS : [...LISTS, ...STAFF_LISTS]) {
      await ask(caller, text, variables)
    }
  }
  return [...statements.values()]
}

async function ask(caller: Caller, query: string, variables: object): Promise<void> {
  const server = createGraphQLServer(test_.app, { isAuthenticated: false, explorer: false })
  const body = JSON.stringify({ query, variables })
  const headers = { 'content-type': 'application/json' }
  const response = await server.fetch('http://test/graphql', { method: 'POST', headers, body }, { caller })
  const { errors } = (await response.json()) as { errors?: unknown }
  expect(errors, `${caller.id}: ${body}`).toBeUndefined()
}

/**
 * Of the runner that reserves. That of supplier calls reads past the reservations that wait, of which there is one for all
 * orders of a commit.
 */
const isFetch = ({ name }: RecordedStatement) => /^get_job30\//.test(name ?? '')

/** What graphile-worker fetches jobs by, and the settings of the connection that it does so on. */
async function recordFetch(): Promise<RecordedStatement & { settings: Record<string, string> }> {
  const asked = vi.spyOn(pg.Client.prototype, 'query')
  try {
    const worker = await startTestWorker(test_, { concurrency: 1_000 })
    const calls = await eventually(() => {
      const all = asked.mock.calls.map((call, index) => ({
        client: asked.mock.contexts[index],
        query: call[0] as unknown as RecordedStatement,
      }))
      return all.some(({ query }) => isFetch(query)) ? all : undefined
    })
    await worker.stop()
    const { query, client } = calls!.find(({ query }) => isFetch(query))!
    const first = calls!.find((call) => call.client === client)!
    const [names, values] = first.query.values as [string[], string[]]
    return { ...query, settings: Object.fromEntries(names.map((name, index) => [name, values[index]!])) }
  } finally {
    asked.mockRestore()
  }
}

const IS_PLANNED = /^\s*(select|with|insert|update|delete)/i

/** Runs a statement to nothing, and tells what of its plan had to do with more rows than it is to. */
async function findExcess({ name, text, values }: RecordedStatement, on: pg.ClientBase): Promise<string[]> {
  if (!IS_PLANNED.test(text)) return []
  const plans = [await explain(text, on, values)]
  // one that has a name is prepared: after some uses its plan may be kept for whatever values
  if (name) plans.push(await explainPrepared(text, values, on))
  const rowsMax = ALLOWED[name ?? ''] ?? ROWS_MAX
  return plans.flatMap(nodesOf).flatMap((node) => {
    const rows = rowsOf(node)
    if (rows <= rowsMax) return []
    const what = [node['Node Type'], node['Relation Name'] ?? node['CTE Name'], node['Index Name']]
    return `${rows} rows, ${what.filter(Boolean).join(' ')}: ${name ?? text} ${inspect(values).slice(0, 200)}`
  })
}

/** Uses after which PostgreSQL may keep a plan: five, and one to choose. */
const USES_BEFORE_KEPT = 6

async function explainPrepared(text: string, values: unknown[], on: pg.ClientBase): Promise<PlanNode> {
  const execute = `execute kept${values.length > 0 ? `(${values.map(literalOf).join(', ')})` : ''}`
  await on.query(`prepare kept as ${text}`)
  try {
    for (let use = 0; use < USES_BEFORE_KEPT; use++) await on.query(`explain ${execute}`)
    return await explain(execute, on)
  } finally {
    await on.query('deallocate kept')
  }
}

function literalOf(value: unknown): string {
  if (value === null || value === undefined) return 'null'
  if (value instanceof Date) return `'${value.toISOString()}'`
  const text = Array.isArray(value) ? `{${value.map(elementOf).join(',')}}` : String(value)
  return pg.escapeLiteral(text)
}

function elementOf(value: unknown): string {
  if (value === null || value === undefined) return 'null'
  const text = value instanceof Date ? value.toISOString() : String(value)
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
}

async function explain(text: string, on: pg.ClientBase, values?: unknown[]): Promise<PlanNode> {
  const run = async (options: string) => {
    await on.query('begin')
    try {
      const { rows } = await on.query({ text: `explain (${options}) ${text}`, values: values as unknown[] })
      return rows[0]['QUERY PLAN'][0].Plan as PlanNode
    } finally {
      await on.query('rollback')
    }
  }
  return await run('analyze, format json').catch((error: unknown) => {
    // what was written once cannot be written again: its plan tells of what it would read
    if (!(error instanceof pg.DatabaseError && error.code === '23505')) throw error
    return run('format json')
  })
}

type PlanNode = Record<string, unknown> & { Plans?: PlanNode[] }

function nodesOf(plan: PlanNode): PlanNode[] {
  return [plan, ...(plan.Plans ?? []).flatMap(nodesOf)]
}

/** Rows that a node has made and left out, in all of its loops; as planned where it did not run. */
function rowsOf(node: PlanNode): number {
  const names = [
    'Actual Rows',
    'Rows Removed by Filter',
    'Rows Removed by Join Filter',
    'Rows Removed by Index Recheck',
  ]
  if (node['Actual Rows'] === undefined)
    return node['Node Type'] === 'Seq Scan' ? Number(node['Plan Rows']) : 0
  const each = names.reduce((sum, name) => sum + Number(node[name] ?? 0), 0)
  return Math.round(each * Number(node['Actual Loops']))
}

/** Between orders that are done and such that are open. */
const cursorOf = (list: string) => encodeCursor(list, '01900000-0000-7000-8000-000000000000')

function customer(id: string): Caller {
  return { ...LOCAL_OPERATOR, id, role: 'customer' }
}

const ORDER_PAGE = `{
  edges { node { id events { type } movements { id } inventoryItem { sku } } } pageInfo { hasNextPage }
}`
const FILTERS: object[] = ['COMMON', 'RARE', null].flatMap((sku) =>
  [...ORDER_STATUSES, null].map((status) => ({ sku, status })),
)
for (const reference of ['web 7', 'NONE']) {
  FILTERS.push({ reference }, { reference, sku: 'COMMON', status: 'RESERVED' })
}
for (const isHold of [true, false]) {
  FILTERS.push(...[...ORDER_STATUSES, null].map((status) => ({ isHold, status })))
  FILTERS.push({ isHold, sku: 'COMMON' }, { isHold, sku: 'RARE' }, { isHold, reference: 'web 7' })
}
/** Lists that everybody has. */
const LISTS = FILTERS.flatMap((filter): [query: string, variables: object][] => [
  [`query ($filter: OrderFilter) { orders(first: 20, filter: $filter) ${ORDER_PAGE} }`, { filter }],
  [`query ($filter: OrderFilter) { orders(last: 20, filter: $filter) ${ORDER_PAGE} }`, { filter }],
  [
    `query ($filter: OrderFilter, $after: String) { orders(first: 100, after: $after, filter: $filter) ${ORDER_PAGE} }`,
    { filter, after: cursorOf('orders') },
  ],
])
const ITEM_PAGE = '{ edges { node { sku availableToPromise } } }'
const ITEM_FILTERS: object[] = [
  ...['isLow', 'isOut', 'isBackordered'].flatMap((flag) => [{ [flag]: true }, { [flag]: false }]),
  { isOut: true, isBackordered: true },
  { isOut: true, isBackordered: false },
  { skuPrefix: 'SKU-123' },
  { skuPrefix: 'SKU-123', isLow: true },
  { skuPrefix: 'NONE' },
]
/** Lists of operators, of SKUs with and without a long ledger. */
const STAFF_LISTS: typeof LISTS = [
  ['{ deadLetters(first: 20) { edges { node { id order { id } } } } }', {}],
  ['{ deadLetters(last: 20) { edges { node { id } } } }', {}],
  [
    'query ($after: String) { deadLetters(first: 20, after: $after) { edges { node { id } } } }',
    { after: cursorOf('deadLetters') },
  ],
  [
    '{ inventoryItems(first: 20) { edges { node { sku movements(first: 20) { edges { node { id } } } } } } }',
    {},
  ],
  ...ITEM_FILTERS.flatMap((filter): typeof LISTS => [
    [
      `query ($filter: InventoryItemFilter) { inventoryItems(first: 20, filter: $filter) ${ITEM_PAGE} }`,
      { filter },
    ],
    [
      `query ($filter: InventoryItemFilter) { inventoryItems(last: 20, filter: $filter) ${ITEM_PAGE} }`,
      { filter },
    ],
    [
      `query ($filter: InventoryItemFilter, $after: String) { inventoryItems(first: 20, after: $after, filter: $filter) ${ITEM_PAGE} }`,
      { filter, after: encodeCursor('inventoryItems', 'SKU-5') },
    ],
  ]),
  ...['COMMON', 'RARE', 'NONE'].flatMap((sku): typeof LISTS => [
    [
      'query ($sku: String!) { movements(sku: $sku, first: 20) { edges { node { id order { id } } } } }',
      { sku },
    ],
    ['query ($sku: String!) { movements(sku: $sku, last: 20) { edges { node { id } } } }', { sku }],
  ]),
  ['{ status { queue { task } invariants { breaches } } }', {}],
  ['{ orders(first: 2) { edges { node { id jobs { id } deadLetters { id } } } } }', {}],
]

async function storeItems(client: pg.Client): Promise<void> {
  await client.query(`
    insert into items (sku, name, is_out)
    select sku, sku, sku = 'CROWDED' from unnest(array['COMMON', 'RARE', 'CROWDED']) as sku
    union all select 'SKU-' || n, 'Item', false from generate_series(1, 20000) as n`)
  await client.query(`
    insert into stock_levels (sku, location, available, reserved)
    select sku, 'MAIN', case sku when 'CROWDED' then 0 when 'COMMON' then 1000000000 when 'RARE' then 1000000000 else 1000 end, 0 from items`)
}

/** Orders that came just now, all of one SKU, each with its job. */
async function storeOpen(client: pg.Client): Promise<void> {
  await client.query(
    `insert into orders (id, status, customer_id, version, created_at, updated_at)
    select ('01910000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'PENDING', 'many', 1, now(), now()
    from generate_series(1, $1::int) as n`,
    [OPEN],
  )
  await storeLines(client)
  await client.query(`
    insert into graphile_worker._private_jobs (task_id, payload, max_attempts)
    select tasks.id, json_build_object('orderId', orders.id, 'origin', json_build_object('caller', 'test')), 8
    from orders cross join graphile_worker._private_tasks as tasks
    where orders.status = 'PENDING' and tasks.identifier = 'reserve-inventory'
      and not exists (select from graphile_worker._private_jobs as jobs where jobs.payload ->> 'orderId' = orders.id::text)`)
  await storeWaiting(client)
}

/** Orders that wait for two pieces of one SKU, every other of them a hold of a customer who waits for nothing else. */
async function storeWaiting(client: pg.Client): Promise<void> {
  await client.query(
    `insert into orders (id, status, looked_at, if_short, expires_at, customer_id, version, created_at, updated_at)
    select
      ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'AWAITING_RESTOCK', true, 'WAIT',
      case n % 2 when 0 then now() + n * interval '1 s' + interval '1 h' end, case n % 2 when 0 then 'waiting' end, 2, now(), now()
    from generate_series(1, $1::int) as n`,
    [WAITING],
  )
  await client.query(`
    insert into order_lines (order_id, sku, position, qty, queued_qty)
    select id, 'CROWDED', 0, 2, 2 from orders where if_short = 'WAIT' and status = 'AWAITING_RESTOCK'
      and not exists (select from order_lines where order_id = id)`)
}

/** Orders of before, with their movements, and dead letters that were all retried. */
async function storeDone(client: pg.Client): Promise<void> {
  await client.query(
    `insert into orders (id, status, customer_id, reference, version, created_at, updated_at)
    select
      ('01800000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'RESERVED', 'many', 'web ' || n % 300000, 2, now(), now()
    from generate_series(1, $1::int) as n`,
    [DONE],
  )
  await storeLines(client)
  await client.query(
    `insert into inventory_movements (
      sku, location, type, delta, reserved_delta, available_after, reserved_after, order_id, order_version, created_at
    )
    select
      'COMMON', 'MAIN', 'RESERVATION', -1, 1, 1000000000, 1, ('01800000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
      2, now()
    from generate_series(1, $1::int) as n`,
    [DONE / 5],
  )
  await client.query(
    `insert into dead_letters (id, order_id, task, payload, error, attempts, created_at, retried_at)
    select id, id, 'reserve-inventory', '{}', 'test', 8, now(), now() from (
      select ('01800000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid as id from generate_series(1, $1::int) as n
    ) as letters`,
    [DONE / 20],
  )
  await client.query(
    `insert into idempotency_keys (caller, key, verb, fingerprint, order_id, created_at)
    select 'test', n, 'createOrder', 'x', ('01800000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, now()
    from generate_series(1, $1::int) as n`,
    [DONE / 5],
  )
}

/** Gives the orders that have none their line. */
async function storeLines(client: pg.Client): Promise<void> {
  await client.query(`
    insert into order_lines (order_id, sku, position, qty, reserved)
    select id, 'COMMON', 0, 1, case status when 'RESERVED' then 1 else 0 end from orders
    where not exists (select from order_lines where order_id = id)`)
}

async function dropOpen(client: pg.Client): Promise<void> {
  await client.query(`delete from graphile_worker._private_jobs`)
  await client.query(`delete from order_lines using orders where id = order_id and status = 'PENDING'`)
  await client.query(`delete from orders where status = 'PENDING'`)
}
