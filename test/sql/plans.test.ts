import { inspect } from 'node:util'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { exercise, exerciseQueue } from '../../bench/support/exercise.ts'
import { type RecordedStatement, recordStatements } from '../../bench/support/recorded-statements.ts'
import { connect, ServerPool } from '../../src/database/connections.ts'
import { type Caller, LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import { createGraphQLServer } from '../../src/http/graphql/graphql-server.ts'
import { RESERVATION_CONCURRENCY } from '../../src/tasks/job-pool.ts'
import { observeService } from '../../src/use-cases/upkeep/read-service-status.ts'
import { rescueJobs } from '../../src/use-cases/upkeep/rescue-jobs.ts'
import { createTestApp, eventually, seed, startTestWorker, type TestApp } from '../support/harness.ts'
import { findExcess, ROWS_MAX } from './plans/find-excess.ts'
import { LISTS, ORDER_PAGE, STAFF_LISTS } from './plans/lists.ts'
import { dropOpen, storeDone, storeItems, storeOpen } from './plans/store-rows.ts'

// Whether each statement of the application is planned well: by PostgreSQL's own account of what it read, on the server that
// the tests run on, with few rows and with many, and with statistics of another time. Its time says nothing here.

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
const isFetch = ({ name }: RecordedStatement) => name?.startsWith(`get_job${RESERVATION_CONCURRENCY}/`)

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

function customer(id: string): Caller {
  return { ...LOCAL_OPERATOR, id, role: 'customer' }
}
