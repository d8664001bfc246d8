import pg from 'pg'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { LOCAL_OPERATOR } from '../../../src/domain/caller.ts'
import { JOB_TASKS } from '../../../src/domain/upkeep/jobs.ts'
import { COUNTED_MAX, NEWEST_MAX } from '../../../src/domain/upkeep/service-status.ts'
import { readStatus } from '../../../src/sql/queue/read-status.ts'
import { failOrders } from '../../../src/use-cases/orders/fail-orders.ts'
import { setStockRules } from '../../../src/use-cases/stock/set-stock-rules.ts'
import { readServiceStatus } from '../../../src/use-cases/upkeep/read-service-status.ts'
import { retryDeadLetters } from '../../../src/use-cases/upkeep/retry-dead-letters.ts'
import {
  createTestApp,
  eventually,
  joinTestApp,
  seed,
  startTestWorker,
  type TestApp,
} from '../../support/harness.ts'
import { changeJobs, dropJobs, fillQueue, killJobs, readJobs } from '../../support/queue.ts'
import { reserveOrders } from '../../support/reserve-orders.ts'

let test_: TestApp
beforeEach(async () => {
  test_ = await createTestApp()
  await seed(test_.app).item({ sku: 'A', available: 3 })
})
afterEach(() => test_.close())

const read = ({ app }: TestApp = test_) => readServiceStatus(app, LOCAL_OPERATOR)
/** On a connection of its own: what the tests write takes longer than a call may. */
async function query(text: string, values?: unknown[]) {
  const client = new pg.Client({ connectionString: test_.databaseUrl })
  await client.connect()
  try {
    return await client.query(text, values)
  } finally {
    await client.end()
  }
}

/** What it says of each, by name. */
async function readByName() {
  const { queue, orders, ...rest } = await read()
  return {
    ...rest,
    queue: Object.fromEntries(queue.map(({ task, ...jobs }) => [task, jobs])),
    orders: Object.fromEntries(orders.map(({ status, ...rest }) => [status, rest])),
  }
}

const exactly = (count: number) => ({ count, isEstimate: false })

describe('the status', () => {
  test('counts orders by state, exactly while they are few, and tells how old the oldest open ones are', async () => {
    const orders = await Promise.all([1, 1, 1, 1, 1, 1].map(() => seed(test_.app).order({ sku: 'A' })))
    const ids = orders.map(({ id }) => id).sort()
    await reserveOrders(test_.app, ids.slice(0, 4))
    await failOrders(test_.app, [letter(ids[4]!)])
    await query(`update orders set created_at = now() - interval '90 s' where id = $1`, [ids[5]])
    await query(
      `update orders set created_at = now() - interval '1 h' where status in ('RESERVED', 'FAILED')`,
    )
    const { orders: counts } = await readByName()
    expect(counts).toEqual({
      PENDING: { count: exactly(1), ofNewest: 1, oldestOpenAgeS: expect.closeTo(90, -1) },
      RESERVED: { count: exactly(3), ofNewest: 3, oldestOpenAgeS: null },
      AWAITING_RESTOCK: { count: exactly(1), ofNewest: 1, oldestOpenAgeS: expect.closeTo(0, -1) },
      PARTIALLY_SHIPPED: { count: exactly(0), ofNewest: 0, oldestOpenAgeS: null },
      SHIPPED: { count: exactly(0), ofNewest: 0, oldestOpenAgeS: null },
      EXPIRED: { count: exactly(0), ofNewest: 0, oldestOpenAgeS: null },
      CANCELLED: { count: exactly(0), ofNewest: 0, oldestOpenAgeS: null },
      FAILED: { count: exactly(1), ofNewest: 1, oldestOpenAgeS: null },
    })
  })

  test('tells for how long the queue of a SKU has been served', async () => {
    const readAge = async () => (await read()).oldestMarkAgeS
    expect(await readAge()).toBe(0)
    await query(`insert into serving (sku, since) values ('A', now() - interval '5 min'), ('B', now())`)
    expect(await readAge()).toBeCloseTo(300, -1)
    await query('delete from serving')
  })

  test('tells how fast orders come, and how many items are low', async () => {
    expect(await read()).toMatchObject({ ordersPerS: 0, lowItems: exactly(0) })
    for (const _ of [1, 2, 3]) await seed(test_.app).order({ sku: 'A' })
    await query(
      `update orders set created_at = now() - interval '2 min' where id = (select min(id::text)::uuid from orders)`,
    )
    await setStockRules(test_.app, LOCAL_OPERATOR, { sku: 'A', lowStockAt: 3n })
    expect(await read()).toMatchObject({ ordersPerS: 2 / 60, lowItems: exactly(1) })
  })

  test('counts jobs by task: ready, scheduled, held by workers, and tells since when the oldest is ready', async () => {
    const { pool } = test_.app
    for (const _ of [1, 2, 3]) await seed(test_.app).order({ sku: 'A' })
    const short = await seed(test_.app).order({ sku: 'A', qty: 9 })
    await reserveOrders(test_.app, [short.id])
    await changeJobs(pool, { dueInMs: 3_600_000 }, { orderIds: [short.id], task: 'request-supplier' })
    await dropJobs(pool, { orderIds: [short.id], task: 'reserve-inventory' })
    const [oldest] = await readJobs(pool)
    await changeJobs(pool, { dueInMs: -120_000 }, { ids: [oldest!.id] })
    const { queue } = await readByName()
    expect(queue).toEqual({
      'reserve-inventory': {
        ready: exactly(3),
        scheduled: exactly(0),
        held: 0,
        oldestReadyAgeS: expect.closeTo(120, -1),
      },
      'serve-waiting': { ready: exactly(0), scheduled: exactly(0), held: 0, oldestReadyAgeS: null },
      'request-supplier': { ready: exactly(0), scheduled: exactly(1), held: 0, oldestReadyAgeS: null },
      'check-supplier-status': {
        ready: exactly(0),
        scheduled: exactly(0),
        held: 0,
        oldestReadyAgeS: null,
      },
      'send-webhooks': { ready: exactly(0), scheduled: exactly(0), held: 0, oldestReadyAgeS: null },
    })
  })

  test('leaves out jobs that a worker holds and those that have used up their attempts', async () => {
    const { pool } = test_.app
    for (const _ of [1, 2, 3]) await seed(test_.app).order({ sku: 'A' })
    const [held, dead] = await readJobs(pool)
    await changeJobs(pool, { heldBy: 'pool-x' }, { ids: [held!.id] })
    await killJobs(pool, null, { ids: [dead!.id] })
    const { queue } = await readByName()
    expect(queue['reserve-inventory']!.ready).toEqual(exactly(1))
  })

  test('counts the dead letters that nobody has retried', async () => {
    for (const _ of [1, 2]) {
      const { id } = await seed(test_.app).order({ sku: 'A' })
      await failOrders(test_.app, [letter(id)])
    }
    expect((await read()).openDeadLetters).toEqual(exactly(2))
    const { rows } = await query('select id from dead_letters limit 1')
    await retryDeadLetters(test_.app, LOCAL_OPERATOR, [rows[0].id])
    expect((await read()).openDeadLetters).toEqual(exactly(1))
  })

  test('shows workers with the circuit and the jobs that they told of, to every process', async () => {
    const held = Promise.withResolvers<void>()
    const { app } = test_
    const reserve = app.groups.reserveInventory.submit
    app.groups.reserveInventory.submit = (orders) =>
      held.promise.then(() => reserve.call(app.groups.reserveInventory, orders))
    const worker = await startTestWorker(test_, { circuit: () => 'open' })
    await seed(app).order({ sku: 'A' })
    const other = await joinTestApp(test_)
    const status = await eventually(async () => {
      const status = await read(other)
      return status.queue[0]!.held > 0 ? status : undefined
    })
    expect(status!.queue[0]).toMatchObject({ task: 'reserve-inventory', ready: exactly(0), held: 1 })
    expect(status!.workers).toEqual([
      {
        id: expect.any(String),
        startedAt: expect.any(Date),
        lastBeatAt: expect.any(Date),
        silentS: expect.closeTo(0, -1),
        isAlive: true,
        circuit: 'open',
        jobsHeld: [{ task: 'reserve-inventory', count: 1 }],
      },
    ])
    expect(Math.abs(Date.now() - status!.workers[0]!.lastBeatAt.getTime())).toBeLessThan(8_000)
    app.groups.reserveInventory.submit = reserve
    held.resolve()
    await worker.stop()
    expect((await read(other)).workers).toEqual([])
    await other.close()
  })

  test('tells a worker that fell silent from one that is alive', async () => {
    await query(`insert into workers values
      ('silent', now() - interval '1 h', now() - interval '9 s'), ('alive', now(), now() - interval '7 s')`)
    expect((await read()).workers.map(({ id, isAlive, circuit }) => [id, isAlive, circuit])).toEqual([
      ['silent', false, null],
      ['alive', true, null],
    ])
  })

  test('is refused as unavailable when the database takes too long', async () => {
    const client = await test_.app.pool.connect()
    await client.query('begin; lock table workers')
    await expect(read()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await client.query('rollback')
    client.release()
    expect((await read()).workers).toEqual([])
  })
})

describe('of more than is counted', () => {
  const OF_EACH = 15_000
  /** Most orders that there are: none may read them all. */
  const RESERVED = 8 * OF_EACH

  beforeEach(async () => {
    test_.allowBreaches('the orders are made up')
    // statistics are as old as the test makes them
    await query('alter table orders set (autovacuum_enabled = off)')
    await query('alter table dead_letters set (autovacuum_enabled = off)')
    await query(
      `insert into orders (id, status, failure_reason, ending, version, created_at, updated_at)
      select
        gen_random_uuid(), status, case status when 'FAILED' then 'SUPPLIER_FAILED'::failure_reason end,
        case when status in ('FAILED', 'CANCELLED') then status end, 1, now(), now()
      from unnest(enum_range(null::order_status)) as status,
        generate_series(1, case status when 'RESERVED' then $2::int else $1::int end)`,
      [OF_EACH, RESERVED],
    )
    await fillQueue(test_.app.pool, JOB_TASKS, OF_EACH)
    await query(
      `insert into dead_letters (id, order_id, task, payload, error, attempts, created_at)
      select gen_random_uuid(), gen_random_uuid(), 'reserve-inventory', '{}', 'x', 8, now() from generate_series(1, $1::int)`,
      [OF_EACH],
    )
  })

  test('it says that there are more, and with statistics how many', async () => {
    const before = await read()
    for (const { count } of before.orders) expect(count.isEstimate).toBe(true)
    expect(before.orders[0]).toMatchObject({ status: 'PENDING', count: { count: COUNTED_MAX + 1 } })
    expect(before.openDeadLetters).toEqual({ count: COUNTED_MAX + 1, isEstimate: true })
    // they all came at once
    expect(before.ordersPerS).toBeGreaterThan(NEWEST_MAX / 60)
    expect(before.orders.reduce((sum, { ofNewest }) => sum + ofNewest, 0)).toBe(NEWEST_MAX)

    await query('analyze orders, dead_letters')
    const after = await read()
    for (const { status, count } of after.orders) {
      const actual = status === 'RESERVED' ? RESERVED : OF_EACH
      expect(count.isEstimate).toBe(true)
      expect(Math.abs(count.count - actual)).toBeLessThan(actual / 10)
    }
    expect(Math.abs(after.openDeadLetters.count - OF_EACH)).toBeLessThan(OF_EACH / 10)
    const ready = after.queue.map(({ ready }) => ready)
    for (const { isEstimate } of ready) expect(isEstimate).toBe(true)
    expect(ready.reduce((sum, { count }) => sum + count, 0)).toBe(COUNTED_MAX + 1)
  })

  test.each([
    ['before', 'custom'],
    ['after', 'custom'],
    ['before', 'generic'],
    ['after', 'generic'],
  ])(
    'it reads by indexes, and no further than it counts, %s statistics are there, by a %s plan',
    async (when, plan) => {
      if (when === 'after') await query('analyze')
      await expectBoundedReads(plan, ['orders', '_private_jobs', 'dead_letters'])
    },
  )
})

test.each(['custom', 'generic'])(
  'it walks no table for a state that has no order, by a %s plan',
  async (plan) => {
    test_.allowBreaches('the orders are made up')
    // older ones reserved and newer ones not, with ids that rise as they do: by those PostgreSQL would look for the first
    await query(
      `insert into orders (id, status, version, created_at, updated_at)
    select lpad(to_hex(n), 32, '0')::uuid, case when n > $1::int then 'PENDING' else 'RESERVED' end::order_status, 1, now(), now()
    from generate_series(1, 2 * $1::int) as n`,
      [50_000],
    )
    await query('vacuum analyze orders')
    await expectBoundedReads(plan, ['orders'])
  },
)

/** Has the status read, and looks at how: of big tables no more than is counted. */
async function expectBoundedReads(plan: string, big: string[]): Promise<void> {
  const client = await test_.app.pool.connect()
  await client.query('begin')
  const asked = vi.spyOn(client, 'query')
  await readStatus(client, 60_000)
  const { text, values } = asked.mock.calls.at(-1)![0] as unknown as { text: string; values: unknown[] }
  await client.query(`set local plan_cache_mode = force_${plan}_plan; prepare status as ${text}`)
  const [countedMax, listed, newestMax] = values as [number, string[], number]
  const run = `execute status (${countedMax}, '{${listed}}', ${newestMax})`
  const { rows } = await client.query(`explain (analyze, format json) ${run}`)
  await client.query('deallocate status')
  await client.query('rollback')
  client.release()
  const scans = nodesOf(rows[0]['QUERY PLAN'][0].Plan).filter(
    ({ 'Relation Name': table }) => table !== undefined,
  )
  const scanned = new Set(scans.map(({ 'Relation Name': table }) => table))
  for (const table of big) expect(scanned).toContain(table)
  for (const scan of scans) {
    const { 'Relation Name': table, 'Node Type': type, 'Actual Rows': found } = scan
    const removed = scan['Rows Removed by Filter'] ?? 0
    // a handful of workers is read as it comes
    if (big.includes(table as string)) expect([table, type]).not.toEqual([table, 'Seq Scan'])
    const isBounded = Number(found) + Number(removed) <= COUNTED_MAX + 1
    expect([table, type, found, removed, isBounded]).toEqual([table, type, found, removed, true])
  }
}

type PlanNode = Record<string, unknown> & { Plans?: PlanNode[] }

function nodesOf(plan: PlanNode): PlanNode[] {
  return [plan, ...(plan.Plans ?? []).flatMap(nodesOf)]
}

function letter(orderId: string) {
  return { task: 'reserve-inventory' as const, payload: { orderId }, error: 'x', attempts: 8 }
}
