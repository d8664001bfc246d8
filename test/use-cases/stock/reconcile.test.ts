import { afterEach, beforeEach, expect, test } from 'vitest'
import { LOCAL_OPERATOR } from '../../../src/domain/caller.ts'
import { tryLockSweep } from '../../../src/sql/queue/find-lost-work.ts'
import { findOrder } from '../../../src/use-cases/orders/find-order.ts'
import { reconcile } from '../../../src/use-cases/stock/reconcile.ts'
import { adjustInventory } from '../../../src/use-cases/stock/verbs/adjust-inventory.ts'
import { createTestApp, seed, type TestApp } from '../../support/harness.ts'
import { dropJobs } from '../../support/queue.ts'
import { readItem } from '../../support/read-stock.ts'
import { reserveOrders } from '../../support/reserve-orders.ts'

const BILLION = 1_000_000_000

let test_: TestApp
beforeEach(async () => {
  test_ = await createTestApp()
  await seed(test_.app).item({ sku: 'A', available: 10 })
})
afterEach(() => test_.close())

const query = (text: string) => test_.app.pool.query(text)
const item = (sku = 'A') => readItem(test_.app, sku)
const repairs = () =>
  test_.app.prisma.repair.findMany({ orderBy: { id: 'asc' }, omit: { id: true, at: true } })
const corrections = () => test_.app.prisma.inventoryMovement.findMany({ where: { actor: 'reconcile' } })
const adjust = (delta: number, sku = 'A') =>
  adjustInventory(test_.app, LOCAL_OPERATOR, { sku, delta, reason: 'counted', expectedAvailable: null })

test('finds drift with its cause, notes it for the metrics, and changes nothing when it is not asked to', async () => {
  test_.allowBreaches('what is found is not mended')
  await query(`update stock_levels set available = available + 3, reserved = reserved + 1`)
  for (let turn = 0; turn < 2; turn++) {
    const { breaches, repairs, remaining } = await reconcile(test_.app, { repair: false })
    expect(breaches.map(({ cause }) => cause)).toEqual([
      'the counter was changed by +3 without a movement',
      'the counter alone was changed, by +1',
    ])
    expect(repairs).toEqual([])
    expect(remaining).toEqual(breaches)
  }
  const metrics = await test_.app.metrics.metrics()
  expect(metrics).toContain('holdfast_reconcile_drift{invariant="available is the sum of the movements"} 1')
  expect(metrics).toContain('holdfast_reconcile_drift{invariant="an order\'s SKU exists"} 0')
  expect(metrics).not.toContain('holdfast_reconcile_last_success_timestamp_seconds 0')
})

test('sets counters that were changed by hand to what ledger and orders say, with an audit row each', async () => {
  const { id } = await seed(test_.app).order({ sku: 'A', qty: 4 })
  await reserveOrders(test_.app, [id])
  await query(`update stock_levels set available = available + 5000000000, reserved = reserved - 1`)
  const { remaining, failures } = await reconcile(test_.app, { repair: true })
  expect(failures).toEqual([])
  expect(remaining).toEqual([])
  expect(await item()).toMatchObject({ available: 6n, reserved: 4n })
  expect(await corrections()).toEqual([])
  expect(await repairs()).toMatchObject([
    { sku: 'A', location: 'MAIN', field: 'available', before: 5_000_000_006n, after: 6n, actor: 'reconcile' },
    { sku: 'A', field: 'reserved', before: 3n, after: 4n, actor: 'reconcile' },
  ])
  expect(await test_.app.metrics.metrics()).toContain(
    'holdfast_reconcile_drift{invariant="available is the sum of the movements"} 0',
  )
  expect(await reconcile(test_.app, { repair: true })).toEqual({
    breaches: [],
    repairs: [],
    failures: [],
    remaining: [],
  })
})

test('sets what lines have reserved to what their movements hold, with an audit row each, and then mends their levels', async () => {
  await seed(test_.app).location('WEST')
  await seed(test_.app).item({ sku: 'B', available: 5, location: 'WEST' })
  await seed(test_.app).item({ sku: 'C' })
  const lines: [string, number][] = [
    ['A', 4],
    ['B', 2],
  ]
  const { id: reserved } = await seed(test_.app).order({ lines })
  const { id: waiting } = await seed(test_.app).order({ lines: [...lines, ['C', 1]] })
  await reserveOrders(test_.app, [reserved, waiting])
  await query(`update order_lines set reserved = 0 where sku = 'B'`)
  await query(`update order_lines set reserved = 1 where sku = 'A' and order_id = '${waiting}'`)
  await query(`update stock_levels set available = available + 3 where sku = 'B'`)
  const { breaches, failures, remaining } = await reconcile(test_.app, { repair: true })
  expect(breaches.map(({ subject }) => subject)).toContain('B at WEST')
  expect({ failures, remaining }).toEqual({ failures: [], remaining: [] })
  const line = { field: 'reserved', location: null, actor: 'reconcile' }
  expect(await repairs()).toEqual([
    expect.objectContaining({ ...line, orderId: reserved, sku: 'B', before: 0n, after: 2n }),
    expect.objectContaining({ ...line, orderId: waiting, sku: 'A', before: 1n, after: 4n }),
    expect.objectContaining({ ...line, orderId: waiting, sku: 'B', before: 0n, after: 2n }),
    expect.objectContaining({ sku: 'B', location: 'WEST', field: 'available', before: 4n, after: 1n }),
  ])
  const { lines: mended } = (await findOrder(test_.app, LOCAL_OPERATOR, waiting))!
  expect(mended.map(({ sku, reserved }) => [sku, reserved])).toEqual([
    ['A', 4],
    ['B', 2],
    ['C', 0],
  ])
})

test('leaves a line to people whose movements would make another status of its order', async () => {
  test_.allowBreaches('it is left to people')
  const { id: reserved } = await seed(test_.app).order({ sku: 'A', qty: 4 })
  const { id: pending } = await seed(test_.app).order({ sku: 'A', qty: 4 })
  await reserveOrders(test_.app, [reserved])
  await query(`update inventory_movements set order_id = '${pending}' where order_id = '${reserved}'`)
  const { repairs, remaining } = await reconcile(test_.app, { repair: true })
  expect(repairs).toEqual([])
  expect(remaining.map(({ subject, cause }) => [subject, cause])).toEqual([
    [reserved, 'the line was changed by +4, or a movement was said to be of another order'],
    [pending, 'the line was changed by -4, or a movement was said to be of another order'],
  ])
})

test('gives a ledger that lost movements the difference, in as many movements as hold it, and leaves the gap to people', async () => {
  test_.allowBreaches('a gap is left to people', 'each movement follows from the one before')
  for (let turn = 0; turn < 3; turn++) await adjust(2 * BILLION)
  await query(`delete from inventory_movements where id in (2, 3)`)
  const { breaches, remaining } = await reconcile(test_.app, { repair: true })
  expect(breaches.map(({ cause }) => cause)).toEqual([
    'the ledger was changed: a movement was altered or is missing at movement 4 or before it; the counter is what the last says',
    'a movement of +4000000000 before it is missing, or its delta was altered',
  ])
  expect(await item()).toMatchObject({ available: 6_000_000_010n })
  expect((await corrections()).map(({ delta }) => delta)).toEqual([2 ** 31 - 1, 4 * BILLION - (2 ** 31 - 1)])
  expect(remaining).toEqual(breaches.slice(1))
  expect(await reconcile(test_.app, { repair: true })).toMatchObject({ repairs: [], remaining })
})

test('mends each SKU by itself: what only people can decide about one does not keep it from the others', async () => {
  test_.allowBreaches('most is left to people')
  for (const sku of ['B', 'C', 'D']) await seed(test_.app).item({ sku, available: 10 })
  // counter, last movement and sum all differ
  await adjust(1)
  await query(`update inventory_movements set delta = 2 where sku = 'A' and delta = 1`)
  await query(`update stock_levels set available = 20 where sku = 'A'`)
  // refused by the database: the ledger's sum is beyond what a counter may be
  await query(`update inventory_movements set available_after = 9007199254740992 where sku = 'B'`)
  await query(`alter table inventory_movements alter delta type bigint`)
  await query(`update inventory_movements set delta = 9007199254740992 where sku = 'B'`)
  // an order and its reservation that do not go together
  const { id } = await seed(test_.app).order({ sku: 'C', qty: 4 })
  await reserveOrders(test_.app, [id])
  await query(`delete from inventory_movements where order_id = '${id}'`)
  await query(`update stock_levels set available = 1 where sku = 'D'`)
  const { breaches, failures, remaining } = await reconcile(test_.app, { repair: true })
  expect(failures).toEqual([expect.stringMatching(/^B: .*stock_levels_available_check/)])
  expect(new Set(remaining.map(({ subject }) => subject))).toEqual(new Set(['A', 'B', 'C', id]))
  const mismatch = `order ${id} has reserved 4, its movements 0`
  expect(breaches.filter(({ subject }) => subject === 'C').map(({ cause }) => cause)).toEqual([
    mismatch,
    mismatch,
  ])
  expect(await repairs()).toMatchObject([{ sku: 'D', before: 1n, after: 10n }])
  expect(await corrections()).toEqual([])
})

test('gives orders that lost their job one, names them, and says when another process is at it', async () => {
  const { id } = await seed(test_.app).order({ sku: 'A', qty: 1 })
  await dropJobs(test_.app.pool)
  const client = await test_.app.pool.connect()
  await client.query('begin')
  await tryLockSweep(client)
  expect(await reconcile(test_.app, { repair: true })).toMatchObject({
    repairs: [],
    failures: [expect.stringContaining('another process')],
    remaining: [{ subject: id, cause: 'its job is lost' }],
  })
  await client.query('rollback')
  client.release()
  expect(await reconcile(test_.app, { repair: true })).toMatchObject({
    repairs: [`order ${id}: it had no job and got one`],
    failures: [],
    remaining: [],
  })
})

test('gives every order its job back where more than a batch lost theirs', async () => {
  await query(`insert into orders (id, status, version, created_at, updated_at)
    select gen_random_uuid(), 'PENDING', 1, now(), now() from generate_series(1, 2100)`)
  await query(`insert into order_lines (order_id, sku, position, qty) select id, 'A', 0, 1 from orders`)
  await query(`insert into order_events (order_id, version, type, to_status, at)
    select id, 1, 'OrderCreated', 'PENDING', now() from orders`)
  const { repairs, remaining } = await reconcile(test_.app, { repair: true })
  expect(repairs).toHaveLength(2_100)
  expect(remaining).toEqual([])
})
