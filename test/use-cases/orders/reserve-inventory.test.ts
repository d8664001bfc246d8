import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { beforeEach, expect, onTestFinished } from 'vitest'
import type { App } from '../../../src/create-app.ts'
import { lockOrders } from '../../../src/sql/orders/find-orders.ts'
import { BACKLOG_BATCH_MAX, RESERVE_BATCH_MAX } from '../../../src/use-cases/orders/reserve-inventory.ts'
import { breakReservations } from '../../support/break-reservations.ts'
import { sharedTest as test } from '../../support/fixtures.ts'
import { eventually, joinTestApp, seed } from '../../support/harness.ts'
import { readItem } from '../../support/read-stock.ts'
import { reserveOrders } from '../../support/reserve-orders.ts'

let sku = ''
let skuCount = 0
beforeEach(() => {
  sku = `SKU-${++skuCount}`
})

async function place(app: App, qtys: number[], available: number) {
  await seed(app).item({ sku, available })
  const orders = []
  for (const qty of qtys) orders.push(await seed(app).order({ sku, qty }))
  return orders.map((order) => order.id)
}

async function look(app: App, ids: string[]) {
  const { prisma } = app
  const orders = await prisma.order.findMany({ where: { id: { in: ids } }, orderBy: { id: 'asc' } })
  const item = await readItem(app, sku)
  const movements = await prisma.inventoryMovement.findMany({ where: { sku }, orderBy: { id: 'asc' } })
  return { orders, item, movements }
}

test('reserves what there is and turns to the supplier for what there is not, oldest first', async ({
  app,
}) => {
  const ids = await place(app, [4, 7, 5, 1, 1], 10)
  // the order of the ids does not matter: the orders' own does
  await reserveOrders(app, ids.toReversed())
  const { orders, item, movements } = await look(app, ids)
  expect(orders.map((order) => order.status)).toEqual([
    'RESERVED',
    'AWAITING_RESTOCK',
    'RESERVED',
    'RESERVED',
    'AWAITING_RESTOCK',
  ])
  expect(orders.map((order) => order.version)).toEqual([2, 2, 2, 2, 2])
  expect(item).toMatchObject({ available: 0n, reserved: 10n })
  expect(movements.map(({ type, delta, availableAfter }) => [type, delta, availableAfter])).toEqual([
    ['RECEIPT', 10, 10n],
    ['RESERVATION', -4, 6n],
    ['RESERVATION', -5, 1n],
    ['RESERVATION', -1, 0n],
  ])
})

/** Holds what a statement locks, until what it gives is called, or the test ends. */
async function holdLock(app: App, statement: string): Promise<() => Promise<unknown>> {
  const client = new pg.Client({ connectionString: app.databaseUrl })
  await client.connect()
  onTestFinished(() => client.end())
  await client.query(`begin; ${statement}`)
  return () => client.query('rollback')
}

/** Waits until a transaction waits for a lock: of a row, or of a table. */
const untilOneWaits = ({ pool }: App, event: 'transactionid' | 'relation') =>
  eventually(async () => {
    const text = 'select from pg_stat_activity where datname = current_database() and wait_event = $1'
    return (await pool.query(text, [event])).rowCount! > 0
  })

const isLocked = async ({ pool }: App, id: string) =>
  (await pool.query('select from orders where id = $1 for update skip locked', [id])).rowCount === 0

/** A second reservation that is not to wait has locked its orders by then. */
const SECOND_BEGINS_MS = 200

test.for([
  ['takes calls has one reservation in flight', false],
  ['takes no calls reads the orders of the next reservation while it writes one', true],
] as const)(
  'of a backlog a process that %s, and the oldest orders get the stock',
  async ([, overlaps], { app, testApp }) => {
    await seed(app).item({ sku, available: 1_200 })
    const placed = await Promise.all(Array.from({ length: 1_600 }, () => seed(app).order({ sku })))
    const ids = placed.map(({ id }) => id).toSorted()
    const ofNext = ids[overlaps ? BACKLOG_BATCH_MAX : RESERVE_BATCH_MAX]!
    const reserving = overlaps ? await joinTestApp(testApp) : testApp
    if (overlaps) onTestFinished(reserving.close)
    const group = reserving.app.groups.reserveInventory
    const letRead = await holdLock(app, `select from orders where id = '${ids[0]}' for update`)
    const letWrite = await holdLock(app, 'lock table inventory_movements in share mode')
    const jobs = Array.from({ length: 64 }, (_, job) => ids.slice(job * 25, (job + 1) * 25))
    const done = Promise.all(jobs.map((job) => group.submit(job.map((orderId) => ({ orderId })))))
    await untilOneWaits(app, 'transactionid')
    await sleep(SECOND_BEGINS_MS)
    expect(await isLocked(app, ofNext)).toBe(false)
    await letRead()
    await untilOneWaits(app, 'relation')
    if (overlaps) await eventually(() => isLocked(app, ofNext))
    await sleep(SECOND_BEGINS_MS)
    expect(await isLocked(app, ofNext)).toBe(overlaps)
    await letWrite()
    await done
    const { orders, item } = await look(app, ids)
    const reserved = orders.filter(({ status }) => status === 'RESERVED')
    expect(reserved.map(({ id }) => id)).toEqual(ids.slice(0, 1_200))
    expect(item).toMatchObject({ available: 0n, reserved: 1_200n })
  },
)

test('a repeat, and repeats at the same time, change nothing twice', async ({ app }) => {
  const ids = await place(app, [2, 3], 10)
  await Promise.all(Array.from({ length: 8 }, () => reserveOrders(app, ids)))
  await reserveOrders(app, ids)
  const { orders, item, movements } = await look(app, ids)
  expect(orders.map((order) => [order.status, order.version])).toEqual([
    ['RESERVED', 2],
    ['RESERVED', 2],
  ])
  expect(item).toMatchObject({ available: 5n, reserved: 5n })
  expect(movements).toHaveLength(3)
})

test('an order that does not exist is no error', async ({ app }) => {
  await reserveOrders(app, ['01990000-0000-7000-8000-000000000000'])
})

test('batches that share orders and SKUs in any order never deadlock and never oversell', async ({ app }) => {
  const skus = ['A', 'B', 'C', 'D'].map((name) => `${sku}-${name}`)
  for (const each of skus) await seed(app).item({ sku: each, available: 15 })
  const ids: string[] = []
  for (let i = 0; i < 120; i++) ids.push((await seed(app).order({ sku: skus[i % 4]!, qty: 1 })).id)
  const shuffled = () => ids.toSorted(() => Math.random() - 0.5)
  await Promise.all(Array.from({ length: 10 }, () => reserveOrders(app, shuffled())))
  const reserved = await app.prisma.order.count({
    where: { lines: { some: { sku: { in: skus } } }, status: 'RESERVED' },
  })
  expect(reserved).toBe(60)
})

test('what fails in the middle leaves nothing behind', async ({ app }) => {
  const ids = await place(app, [1], 5)
  const { pool } = app
  await pool.query(`create function refuse() returns trigger language plpgsql as
    $$ begin raise exception 'no event today'; end $$`)
  await pool.query(
    'create trigger refuse before insert on order_events for each row execute function refuse()',
  )
  await expect(reserveOrders(app, ids)).rejects.toThrow('no event today')
  await pool.query('drop trigger refuse on order_events')
  const { orders, item, movements } = await look(app, ids)
  expect(orders[0]).toMatchObject({ status: 'PENDING', version: 1 })
  expect(item).toMatchObject({ available: 5n, reserved: 0n })
  expect(movements).toHaveLength(1)
})

test('locks an order while it decides about it', async ({ app }) => {
  const [id] = await place(app, [1], 5)
  const client = await app.pool.connect()
  await client.query('begin')
  await lockOrders(client, [id!])
  let isDone = false
  const reserving = reserveOrders(app, [id!]).then(() => {
    isDone = true
  })
  await eventually(async () => {
    const { rowCount } = await app.pool.query(
      `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    )
    return rowCount! > 0
  })
  expect(isDone).toBe(false)
  await client.query('rollback')
  client.release()
  await reserving
  expect((await look(app, [id!])).orders[0]?.status).toBe('RESERVED')
})

test('an order that cannot be reserved fails alone: those that share its batch are reserved', async ({
  app,
}) => {
  const ids = await place(app, [1, 1], 10)
  const doomedSku = `${sku}-doomed`
  await seed(app).item({ sku: doomedSku, available: 1 })
  const doomed = await seed(app).order({ sku: doomedSku, qty: 1 })
  const mend = await breakReservations(app, doomedSku)
  const results = await Promise.allSettled(
    [ids[0]!, doomed.id, ids[1]!].map((id) => app.groups.reserveInventory.submit([{ orderId: id }])),
  )
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect((await look(app, ids)).orders.map((order) => order.status)).toEqual(['RESERVED', 'RESERVED'])
  await mend()
})

test('a process that is frozen in the middle of a transaction holds up nobody for longer than its limit', async ({
  app,
}) => {
  const ids = await place(app, [1], 10)
  // as a stopped process would: it has the lock, and sends nothing more
  const frozen = await app.pool.connect()
  await frozen.query('begin')
  await frozen.query('select from stock_levels where sku = $1 for update', [sku])
  // refused or not as long as the lock is held, it is reserved in the end
  await eventually(() =>
    app.groups.reserveInventory.submit([{ orderId: ids[0]! }]).then(
      () => true,
      () => false,
    ),
  )
  expect((await look(app, ids)).orders[0]!.status).toBe('RESERVED')
  await expect(frozen.query('select')).rejects.toThrow()
  frozen.release(true)
})
