import { setImmediate as nextTurn } from 'node:timers/promises'
import pg from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { App } from '../src/create-app.ts'
import { LOCAL_OPERATOR } from '../src/domain/caller.ts'
import { createOrder } from '../src/use-cases/orders/create-order.ts'
import { createTestApp, eventually, joinTestApp, seed, type TestApp } from './support/harness.ts'
import { readJobs } from './support/queue.ts'
import { reserveOrders } from './support/reserve-orders.ts'
import { Processes } from './support/server-process.ts'

// Many calls with one key at once, by several processes, while the one that came first is held up before its commit.

/** Orders of this quantity are held up once their key is claimed, for as long as the test holds the lock. */
const HELD_QTY = 13
const LOCK = 4_711
const KEY = 'one-key'
const CALLS = 20

const processes = new Processes()
let testApp: TestApp
let holder: pg.Client

beforeEach(async () => {
  testApp = await createTestApp()
  const { app, databaseUrl } = testApp
  await seed(app).item({ sku: 'BOLT', available: 100 })
  await seed(app).item({ sku: 'NUT', available: 100 })
  // the first job of a new database writes the name of its task, for which others wait
  await seed(app).order({ sku: 'NUT' })
  await app.pool.query(`create function hold() returns trigger language plpgsql as
    $$ begin perform pg_advisory_xact_lock_shared(${LOCK}); return new; end $$`)
  await app.pool.query(
    `create trigger hold before insert on order_lines for each row when (new.qty = ${HELD_QTY}) execute function hold()`,
  )
  holder = new pg.Client({ connectionString: databaseUrl, application_name: 'test' })
  await holder.connect()
  await holder.query(`select pg_advisory_lock(${LOCK})`)
})
afterEach(async () => {
  await holder.end()
  await processes.end()
  await testApp.close()
})

const release = () => holder.query(`select pg_advisory_unlock(${LOCK})`)

/** Backends that wait: the first call's before its commit, and another process's for what the first has claimed. */
async function findWaiting(kind: 'advisory' | 'transactionid'): Promise<number[]> {
  const { rows } = await holder.query(
    `select pid from pg_locks join pg_stat_activity using (pid)
    where locktype = $1 and not granted and datname = current_database()`,
    [kind],
  )
  return rows.map(({ pid }) => pid)
}

async function untilWaiting(kind: 'advisory' | 'transactionid'): Promise<number> {
  const pid = await eventually(async () => {
    const pids = await findWaiting(kind)
    expect(pids.length).toBeLessThan(2)
    return pids[0]
  })
  return pid!
}

async function countOrders(): Promise<number> {
  const { rows } = await holder.query('select count(*)::int as count from order_lines where qty = $1', [
    HELD_QTY,
  ])
  return rows[0].count
}

async function order(app: App, sku: string, qty: number, idempotencyKey: string | null): Promise<string> {
  const request = { sku, qty, idempotencyKey, customerId: null }
  const result = await createOrder(app, LOCAL_OPERATOR, request)
  expect(result.userErrors).toEqual([])
  return result.order!.id
}

test('no lock is held over the wait for a key: whoever waits holds nothing that others need', async () => {
  const [another, third] = await Promise.all([joinTestApp(testApp), joinTestApp(testApp)])
  const orderHeld = (app: App) => order(app, 'BOLT', HELD_QTY, KEY)
  const calls = [orderHeld(testApp.app)]
  // its commit is under way: what comes now waits in memory
  await nextTurn()
  await nextTurn()
  for (let count = 1; count < CALLS / 2; count++) calls.push(orderHeld(testApp.app))
  await untilWaiting('advisory')
  for (let count = 0; count < CALLS / 2; count++) calls.push(orderHeld(another.app))
  const waiter = await untilWaiting('transactionid')

  const { rows: states } = await holder.query(
    `select state, count(*)::int as backends from pg_stat_activity
    where datname = current_database() and application_name = 'holdfast' and state <> 'idle' group by state`,
  )
  // one connection for each process, and none in a transaction that waits for its process
  expect(states).toEqual([{ state: 'active', backends: 2 }])
  const { rows: locks } = await holder.query(
    `select locktype, mode from pg_locks where pid = $1 and granted
      and locktype <> 'virtualxid' and mode not in ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock')`,
    [waiter],
  )
  // no row that it has written, no advisory lock, no table: without a transaction id nobody can wait for it
  expect(locks).toEqual([])

  const others = [
    await order(third.app, 'BOLT', 1, 'another-key'),
    await order(third.app, 'NUT', 1, null),
    await order(third.app, 'NUT', HELD_QTY - 1, 'third-key'),
  ]
  // also by the processes whose calls wait: the stock is free, and connections are
  for (const { app } of [testApp, another]) await reserveOrders(app, others)
  const reserved = await third.app.prisma.order.count({ where: { id: { in: others }, status: 'RESERVED' } })
  expect(reserved).toBe(others.length)
  expect(await findWaiting('transactionid')).toEqual([waiter])

  await release()
  expect(new Set(await Promise.all(calls)).size).toBe(1)
  expect(calls).toHaveLength(CALLS)
  expect(await countOrders()).toBe(1)
  await Promise.all([another.close(), third.close()])
})

test.each([
  ['is committed all the same', 'first'],
  ['is undone', 'second'],
])(
  'one key at two processes, of which the first is killed before its commit, is one order: what it sent %s',
  async (fate, winner) => {
    const env = { DATABASE_URL: testApp.databaseUrl, ROLE: 'api' }
    const [first, second] = await Promise.all([processes.startServer(env), processes.startServer(env)])
    const toFirst = Promise.allSettled(orderMany(first.url, 'first'))
    const held = await untilWaiting('advisory')
    const toSecond = Promise.all(orderMany(second.url, 'second'))
    await untilWaiting('transactionid')
    await first.end('SIGKILL')
    expect((await toFirst).map(({ status }) => status)).toEqual(Array(CALLS / 2).fill('rejected'))
    if (fate === 'is undone') await holder.query('select pg_terminate_backend($1)', [held])
    await release()

    const ids = new Set(await toSecond)
    expect(ids.size).toBe(1)
    expect(await orderUntilTaken(second.url, 'afterwards')).toBe([...ids][0])
    expect(await countOrders()).toBe(1)
    const jobs = await readJobs(holder, { orderIds: [...ids] })
    expect(jobs.map(({ payload }) => payload.orders)).toEqual([
      [{ orderId: [...ids][0], origin: expect.objectContaining({ requestId: winner }) }],
    ])
  },
)

function orderMany(url: string, requestId: string): Promise<string>[] {
  return Array.from({ length: CALLS / 2 }, () => orderUntilTaken(url, requestId))
}

/** As a client does it: refused for a commit that hangs, it asks again under its key. */
async function orderUntilTaken(url: string, requestId: string): Promise<string> {
  const taken = await eventually(async () => {
    const response = await fetch(`${url}/api/order`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': KEY, 'x-request-id': requestId },
      body: JSON.stringify({ sku: 'BOLT', qty: HELD_QTY }),
    })
    const { id } = (await response.json()) as { id: string }
    if (response.status === 503) return undefined
    expect(response.status).toBe(201)
    return id
  })
  return taken!
}
