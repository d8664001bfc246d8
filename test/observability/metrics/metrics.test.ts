import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import type { App } from '../../../src/create-app.ts'
import { TRANSACTIONS } from '../../../src/database/transaction.ts'
import { LOCAL_OPERATOR } from '../../../src/domain/caller.ts'
import type { SupplierOutcome } from '../../../src/domain/supplier/supplier-policy.ts'
import { JOB_TASKS } from '../../../src/domain/upkeep/jobs.ts'
import { createHttpServer } from '../../../src/http/http-server.ts'
import {
  createTaskList,
  RESERVATION_TASKS,
  SUPPLIER_TASKS,
  WEBHOOK_TASKS,
} from '../../../src/tasks/task-list.ts'
import { test } from '../../support/fixtures.ts'
import { eventually, joinTestApp, seed, startTestWorker } from '../../support/harness.ts'
import { readNonZero, readSamples } from '../../support/metrics.ts'
import { changeJobs, untilNoJobs } from '../../support/queue.ts'
import { reserveOrders } from '../../support/reserve-orders.ts'
import { playSupplier } from '../../support/supplier.ts'

const supplier = playSupplier()
beforeAll(() => supplier.start())
afterAll(() => supplier.stop())

const jobsAreGone = (app: App) => untilNoJobs(app.pool)

describe('the metrics', () => {
  test('that alerts and shares are made of start at 0', async ({ app }) => {
    const samples = await readSamples(app)
    const zeros = [
      'holdfast_order_transitions_total{from="",to="PENDING",reason=""}',
      'holdfast_order_transitions_total{from="PENDING",to="RESERVED",reason=""}',
      'holdfast_order_transitions_total{from="AWAITING_RESTOCK",to="FAILED",reason="SUPPLIER_UNREACHABLE"}',
      'holdfast_order_transitions_total{from="FAILED",to="PENDING",reason=""}',
      'holdfast_order_settling_seconds_count{to="RESERVED"}',
      'holdfast_order_settling_seconds_count{to="FAILED"}',
      ...JOB_TASKS.flatMap((task) => [
        `holdfast_dead_letters_total{task="${task}"}`,
        `holdfast_job_duration_seconds_count{task="${task}",outcome="failed"}`,
        `holdfast_job_duration_seconds_count{task="${task}",outcome="given-up"}`,
      ]),
      ...TRANSACTIONS.map(
        (name) => `holdfast_transaction_duration_seconds_count{transaction="${name}",outcome="failed"}`,
      ),
    ]
    expect(zeros.map((name) => [name, samples.get(name)])).toEqual(zeros.map((name) => [name, 0]))
    // nothing that cannot happen
    const transitions = [...samples.keys()].filter((name) => name.startsWith('holdfast_order_transitions'))
    expect(transitions).toHaveLength(30)
    const tasks = createTaskList({ ...RESERVATION_TASKS, ...SUPPLIER_TASKS, ...WEBHOOK_TASKS }, {
      app,
    } as never)
    expect(Object.keys(tasks)).toEqual([...JOB_TASKS])
  })

  test('count what becomes of orders and how long it takes them, by the way they went', async ({
    app,
    testApp,
  }) => {
    await seed(app).item({ sku: 'A', available: 2 })
    supplier.follow({ status: () => ({ status: 'fail' }) })
    const worker = await startTestWorker(testApp)
    const orders = await Promise.all([1, 1, 5].map((qty) => seed(app).order({ sku: 'A', qty })))
    await jobsAreGone(app)
    const samples = await readSamples(app)
    expect(await readNonZero(app, 'holdfast_order_transitions_total')).toEqual({
      '{from="",to="PENDING",reason=""}': 3,
      '{from="PENDING",to="RESERVED",reason=""}': 2,
      '{from="PENDING",to="AWAITING_RESTOCK",reason=""}': 1,
      '{from="AWAITING_RESTOCK",to="FAILED",reason="SUPPLIER_FAILED"}': 1,
    })
    expect(samples.get('holdfast_order_settling_seconds_count{to="RESERVED"}')).toBe(2)
    expect(samples.get('holdfast_order_settling_seconds_count{to="FAILED"}')).toBe(1)
    expect(samples.get('holdfast_order_settling_seconds_sum{to="FAILED"}')).toBeGreaterThan(0.02)
    // nothing that there is any number of
    const text = await app.metrics.metrics()
    for (const { id } of orders) expect(text).not.toContain(id)
    expect(text).not.toContain('"A"')
    await worker.stop()
  })

  test('time what waits for its supplier from the first request to the last answer, in whichever process', async ({
    app,
    testApp,
  }) => {
    await seed(app).item({ sku: 'A', available: 1 })
    const other = await joinTestApp(testApp)
    const [short, reserved] = [
      await seed(app).order({ sku: 'A', qty: 2 }),
      await seed(app).order({ sku: 'A' }),
    ]
    await reserveOrders(app, [short.id, reserved.id])
    const settle = (step: number, outcome: SupplierOutcome) =>
      other.app.groups.settleSupplierOutcome.submit({ orderId: short.id, step, outcome })
    const delayMs = 100
    await sleep(delayMs)
    await settle(1, { kind: 'accepted', ref: 'r' })
    await sleep(delayMs)
    await settle(2, { kind: 'delayed' })
    await sleep(delayMs)
    await settle(3, { kind: 'ok' })
    const waits = (app: App, figure: string) =>
      readNonZero(app, `holdfast_supplier_settling_seconds_${figure}`)
    await eventually(async () => (await waits(other.app, 'count'))['{to="RESERVED"}'] === 1)
    expect(await waits(other.app, 'count')).toEqual({ '{to="RESERVED"}': 1 })
    expect(await waits(app, 'count')).toEqual({})
    const { '{to="RESERVED"}': tookS } = await waits(other.app, 'sum')
    expect(tookS).toBeGreaterThanOrEqual((3 * delayMs) / 1_000)
    expect(tookS).toBeLessThan(30)
    await other.close()
  })

  test('time no wait for a supplier that gave no final answer, and go without the figure where it cannot be read', async ({
    app,
  }) => {
    app.supplierPolicy = { ...app.supplierPolicy, attemptsMax: 1 }
    await seed(app).item({ sku: 'A', available: 0 })
    const ids = await Promise.all(
      ['unread', 'unreachable', 'refused'].map(async () => (await seed(app).order({ sku: 'A' })).id),
    )
    await reserveOrders(app, ids)
    const { query } = app.pool
    const asked: unknown[] = []
    app.pool.query = (statement: unknown) => {
      asked.push(statement)
      return Promise.reject(new Error('away')) as never
    }
    const refuse = (orderId: string) =>
      app.groups.settleSupplierOutcome.submit({ orderId, step: 1, outcome: { kind: 'refused' } })
    await refuse(ids[0]!)
    app.pool.query = query
    expect(asked).toHaveLength(1)
    await app.groups.settleSupplierOutcome.submit({
      orderId: ids[1]!,
      step: 1,
      outcome: { kind: 'transport-error', detail: 'refused' },
    })
    await refuse(ids[2]!)
    const counts = () => readNonZero(app, 'holdfast_supplier_settling_seconds_count')
    await eventually(async () => Object.keys(await counts()).length > 0)
    expect(await counts()).toEqual({ '{to="FAILED"}': 1 })
    expect(await readNonZero(app, 'holdfast_order_transitions_total')).toMatchObject({
      '{from="AWAITING_RESTOCK",to="FAILED",reason="SUPPLIER_UNREACHABLE"}': 1,
      '{from="AWAITING_RESTOCK",to="FAILED",reason="SUPPLIER_REFUSED"}': 2,
    })
  })

  test('time jobs and transactions, also those that failed, and count dead letters', async ({
    app,
    testApp,
  }) => {
    const { pool } = app
    await seed(app).item({ sku: 'A', available: 2 })
    await pool.query(`create function refuse() returns trigger language plpgsql as
      $$ begin raise exception 'not today'; end $$`)
    await pool.query(
      'create trigger refuse before insert on inventory_movements for each row execute function refuse()',
    )
    await seed(app).order({ sku: 'A' })
    await changeJobs(pool, { attemptsMax: 2 })
    const worker = await startTestWorker(testApp)
    await jobsAreGone(app)
    const samples = await readSamples(app)
    const job = (outcome: string) =>
      samples.get(`holdfast_job_duration_seconds_count{task="reserve-inventory",outcome="${outcome}"}`)
    expect([job('done'), job('failed'), job('given-up')]).toEqual([0, 1, 1])
    expect(samples.get('holdfast_dead_letters_total{task="reserve-inventory"}')).toBe(1)
    const transaction = (name: string, outcome: string) =>
      samples.get(`holdfast_transaction_duration_seconds_count{transaction="${name}",outcome="${outcome}"}`)
    expect(transaction('create-orders', 'committed')).toBe(1)
    expect(transaction('reserve-inventory', 'failed')).toBe(2)
    expect(transaction('fail-orders', 'committed')).toBe(1)
    await worker.stop()
  })

  test('show connections and subscriptions as they are at the moment', async ({ app }) => {
    await seed(app).item({ sku: 'A', available: 2 })
    const { id } = await seed(app).order({ sku: 'A' })
    const client = await app.pool.connect()
    const watcher = await app.feed.watch(LOCAL_OPERATOR, id, 0, 'sse')
    const before = await readSamples(app)
    expect(before.get('holdfast_database_pool_connections{state="busy"}')).toBeGreaterThanOrEqual(1)
    expect(before.get('holdfast_database_pool_waiting')).toBe(0)
    expect(before.get('holdfast_order_watchers{transport="sse"}')).toBe(1)
    client.release()
    await watcher.return()
    expect((await readSamples(app)).get('holdfast_order_watchers{transport="sse"}')).toBe(0)
  })

  test('are those of one application, of several in a process', async ({ app, testApp }) => {
    const other = await joinTestApp(testApp)
    await seed(app).item({ sku: 'A', available: 2 })
    const { id } = await seed(app).order({ sku: 'A' })
    await reserveOrders(other.app, [id])
    const nonZero = (app: App) => readNonZero(app, 'holdfast_order_transitions_total')
    expect(await nonZero(app)).toEqual({ '{from="",to="PENDING",reason=""}': 1 })
    expect(await nonZero(other.app)).toEqual({ '{from="PENDING",to="RESERVED",reason=""}': 1 })
    await other.close()
  })
})

describe('GET /metrics', () => {
  test('answers in the text format of Prometheus', async ({ app }) => {
    const http = await createHttpServer(app, {
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

  test('is served by a process without the APIs, and while the database is away', async ({ app }) => {
    const http = await createHttpServer(app, {
      corsOrigins: [],
      explorer: false,
      servesApis: false,
      simulatesSupplier: false,
      readinessChecks: {},
    })
    const { pool } = app
    const { query, connect } = pool
    const refuse = () => Promise.reject(new Error('away')) as never
    Object.assign(pool, { query: refuse, connect: refuse })
    const response = await http.inject({ url: '/metrics', headers: { host: 'localhost' } })
    Object.assign(pool, { query, connect })
    expect(response.statusCode).toBe(200)
    expect(response.body).toContain('holdfast_calls_under_way 0')
    for (const figures of ['status', 'invariants']) {
      const lastRead = `holdfast_figures_last_read_timestamp_seconds{figures="${figures}"}`
      expect(response.body).toContain(`${lastRead} 0\n`)
    }
    await http.close()
  })
})
