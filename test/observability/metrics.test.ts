import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import { createHttpServer } from '../../src/http/http-server.ts'
import { reserveInventory } from '../../src/use-cases/reserve-inventory.ts'
import {
  createTestApp,
  eventually,
  joinTestApp,
  seed,
  startTestWorker,
  type TestApp,
} from '../support/harness.ts'
import { playSupplier } from '../support/supplier.ts'

const supplier = playSupplier()
beforeAll(() => supplier.start())
afterAll(() => supplier.stop())

let test_: TestApp
beforeEach(async () => {
  test_ = await createTestApp()
})
afterEach(() => test_.close())

/** The value of each sample, by its name with its labels. */
async function read({ app }: TestApp): Promise<Map<string, number>> {
  const lines = (await app.metrics.metrics())
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(
    lines.map((line) => {
      const end = line.lastIndexOf(' ')
      return [line.slice(0, end), Number(line.slice(end + 1))]
    }),
  )
}

async function jobsAreGone(): Promise<void> {
  await eventually(async () => {
    const { rowCount } = await test_.app.pool.query('select from graphile_worker._private_jobs')
    return rowCount === 0
  })
}

describe('the metrics', () => {
  test('count what becomes of orders and how long it takes them, by the way they went', async () => {
    await seed(test_.app).item({ sku: 'A', available: 2 })
    supplier.follow({ status: () => ({ status: 'fail' }) })
    const worker = await startTestWorker(test_)
    const orders = await Promise.all([1, 1, 5].map((qty) => seed(test_.app).order({ sku: 'A', qty })))
    await jobsAreGone()
    const samples = await read(test_)
    expect(
      Object.fromEntries([...samples].filter(([name]) => name.startsWith('holdfast_order_transitions'))),
    ).toEqual({
      'holdfast_order_transitions_total{from="",to="PENDING",reason=""}': 3,
      'holdfast_order_transitions_total{from="PENDING",to="RESERVED",reason=""}': 2,
      'holdfast_order_transitions_total{from="PENDING",to="AWAITING_RESTOCK",reason=""}': 1,
      'holdfast_order_transitions_total{from="AWAITING_RESTOCK",to="FAILED",reason="SUPPLIER_FAILED"}': 1,
    })
    expect(samples.get('holdfast_order_settling_seconds_count{to="RESERVED"}')).toBe(2)
    expect(samples.get('holdfast_order_settling_seconds_count{to="FAILED"}')).toBe(1)
    expect(samples.get('holdfast_order_settling_seconds_sum{to="FAILED"}')).toBeGreaterThan(0.02)
    // nothing that there is any number of
    const text = await test_.app.metrics.metrics()
    for (const { id } of orders) expect(text).not.toContain(id)
    expect(text).not.toContain('"A"')
    await worker.stop()
  })

  test('time jobs and transactions, also those that failed, and count dead letters', async () => {
    const { pool } = test_.app
    await seed(test_.app).item({ sku: 'A', available: 2 })
    await pool.query(`create function refuse() returns trigger language plpgsql as
      $$ begin raise exception 'not today'; end $$`)
    await pool.query(
      'create trigger refuse before insert on inventory_movements for each row execute function refuse()',
    )
    await seed(test_.app).order({ sku: 'A' })
    await pool.query('update graphile_worker._private_jobs set max_attempts = 2')
    const worker = await startTestWorker(test_)
    await jobsAreGone()
    const samples = await read(test_)
    const job = (outcome: string) =>
      samples.get(`holdfast_job_duration_seconds_count{task="reserve-inventory",outcome="${outcome}"}`)
    expect([job('done'), job('failed'), job('given-up')]).toEqual([undefined, 1, 1])
    expect(samples.get('holdfast_dead_letters_total{task="reserve-inventory"}')).toBe(1)
    const transaction = (name: string, outcome: string) =>
      samples.get(`holdfast_transaction_duration_seconds_count{transaction="${name}",outcome="${outcome}"}`)
    expect(transaction('create-orders', 'committed')).toBe(1)
    expect(transaction('reserve-inventory', 'failed')).toBe(2)
    expect(transaction('fail-orders', 'committed')).toBe(1)
    await worker.stop()
  })

  test('show connections and subscriptions as they are at the moment', async () => {
    await seed(test_.app).item({ sku: 'A', available: 2 })
    const { id } = await seed(test_.app).order({ sku: 'A' })
    const client = await test_.app.pool.connect()
    const watcher = await test_.app.feed.watch(LOCAL_OPERATOR, id, 0, 'sse')
    const before = await read(test_)
    expect(before.get('holdfast_database_pool_connections{state="busy"}')).toBeGreaterThanOrEqual(1)
    expect(before.get('holdfast_database_pool_waiting')).toBe(0)
    expect(before.get('holdfast_order_watchers{transport="sse"}')).toBe(1)
    client.release()
    await watcher.return()
    expect((await read(test_)).get('holdfast_order_watchers{transport="sse"}')).toBe(0)
  })

  test('are those of one application, of several in a process', async () => {
    const other = await joinTestApp(test_)
    await seed(test_.app).item({ sku: 'A', available: 2 })
    const { id } = await seed(test_.app).order({ sku: 'A' })
    await reserveInventory(other.app, [id])
    const names = (samples: Map<string, number>) =>
      [...samples.keys()].filter((name) => name.startsWith('holdfast_order_transitions'))
    expect(names(await read(test_))).toEqual([
      'holdfast_order_transitions_total{from="",to="PENDING",reason=""}',
    ])
    expect(names(await read(other))).toEqual([
      'holdfast_order_transitions_total{from="PENDING",to="RESERVED",reason=""}',
    ])
    await other.close()
  })
})

describe('GET /metrics', () => {
  test('answers in the text format of Prometheus', async () => {
    const http = await createHttpServer(test_.app, {
      corsOrigins: [],
      explorer: false,
      servesApis: true,
      simulatesSupplier: false,
      readinessChecks: {},
    })
    const response = await http.inject({ url: '/metrics', headers: { host: 'localhost' } })
    expect(response.statusCode).toBe(200)
    expect(response.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8')
    expect(response.body).toContain('# TYPE holdfast_order_transitions_total counter')
    await http.close()
  })

  test('is served by a process without the APIs, and while the database is away', async () => {
    const http = await createHttpServer(test_.app, {
      corsOrigins: [],
      explorer: false,
      servesApis: false,
      simulatesSupplier: false,
      readinessChecks: {},
    })
    const { pool } = test_.app
    const { query } = pool
    pool.query = () => Promise.reject(new Error('away')) as never
    const response = await http.inject({ url: '/metrics', headers: { host: 'localhost' } })
    pool.query = query
    expect(response.statusCode).toBe(200)
    expect(response.body).toContain('holdfast_reconcile_last_success_timestamp_seconds 0')
    await http.close()
  })
})
