import { readdir } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { migrate } from '../../src/database/migrate.ts'
import { fingerprintOf } from '../../src/use-cases/fingerprint.ts'
import { query } from '../support/create-database.ts'
import { createEarlierDatabase } from '../support/earlier-version.ts'

/** What is there of an order in the earlier database, by what its idempotency key says of it. */
const ORDERS = `
  select key, order_lines.sku, status::text, looked_at as "lookedAt", ending::text, position, qty, reserved, cancelled
  from idempotency_keys join orders on orders.id = order_id join order_lines using (order_id) order by orders.id`

const RESERVED = { status: 'RESERVED', lookedAt: false, ending: null, cancelled: 0 }
const WAITING = { status: 'AWAITING_RESTOCK', lookedAt: true, ending: null, reserved: 0, cancelled: 0 }
const PENDING = { status: 'PENDING', lookedAt: false, ending: null, reserved: 0, cancelled: 0 }
const FAILED = { status: 'FAILED', lookedAt: false, ending: 'FAILED', reserved: 0 }

test('every order has its one line, with what became of its quantity', async () => {
  const url = await createEarlierDatabase()
  const before = await query(url, 'select id, sku, qty from orders order by id')
  await migrate(url)
  expect(await query(url, ORDERS)).toEqual([
    order('reserved', 'PLENTY', 2, { ...RESERVED, reserved: 2 }),
    order('reserved for a customer', 'PLENTY', 3, { ...RESERVED, reserved: 3 }),
    order('reserved in turn', 'FEW', 3, { ...RESERVED, reserved: 3 }),
    order('passed over', 'FEW', 4, WAITING),
    order('reserved behind it', 'FEW', 2, { ...RESERVED, reserved: 2 }),
    order('delivered', 'NONE', 4, { ...RESERVED, reserved: 4 }),
    order('refused', 'NONE', 6, { ...FAILED, cancelled: 6 }),
    order('failed', 'NONE', 6, { ...FAILED, cancelled: 6 }),
    order('delayed', 'NONE', 6, { ...FAILED, cancelled: 6 }),
    order('unreachable', 'NONE', 6, { ...FAILED, cancelled: 6 }),
    order('unreachable after it accepted', 'NONE', 6, { ...FAILED, cancelled: 6 }),
    order('asked again', 'NONE', 6, WAITING),
    order('accepted', 'NONE', 6, WAITING),
    order('accepted and late', 'NONE', 6, WAITING),
    order('asked', 'NONE', 1, WAITING),
    order('given up while pending', 'PLENTY', 1, { ...FAILED, cancelled: 1 }),
    order('given up while asking', 'NONE', 2, { ...FAILED, cancelled: 2 }),
    order('opened again and pending', 'NONE', 11, PENDING),
    order('opened again and reserved', 'MENDED', 11, { ...RESERVED, reserved: 11 }),
    order('opened again and asked', 'NONE', 11, WAITING),
    order('opened again and refused', 'NONE', 11, { ...FAILED, cancelled: 11 }),
    order('opened again and delivered', 'NONE', 11, { ...RESERVED, reserved: 11 }),
    order('opened again and given up', 'NONE', 11, { ...FAILED, cancelled: 11 }),
    order('pending', 'PLENTY', 1, PENDING),
    order('pending beside it', 'NONE', 1, PENDING),
    order('pending since 0.1', 'PLENTY', 2, PENDING),
    order('pending with a dead job', 'PLENTY', 1, PENDING),
    order('pending while its worker is dead', 'PLENTY', 1, PENDING),
  ])
  // also those without a key
  expect(await query(url, 'select order_id as id, sku, qty from order_lines order by order_id')).toEqual(
    before,
  )
})

test('what an order keeps stays as it is, and so does its history', async () => {
  const kept = [
    `select id, customer_id, status::text, failure_reason, version, created_at, updated_at from orders order by id`,
    `select order_id, version, type::text, from_status::text, to_status::text, reason, at from order_events order by 1, 2`,
    'select * from dead_letters order by id',
    'select * from workers',
    'select id, sku, field, before, after, reason, actor, at from repairs',
    // those who wait have jobs besides: see below
    `select jobs.* from graphile_worker._private_jobs as jobs join graphile_worker._private_tasks as tasks on tasks.id = task_id
    where identifier <> 'serve-waiting' order by jobs.id`,
  ]
  const url = await createEarlierDatabase()
  const before = await all(url, kept)
  for (const rows of before) expect(rows).not.toEqual([])
  await migrate(url)
  expect(await all(url, kept)).toEqual(before)
})

test('a request to the supplier is its order, with what came of it', async () => {
  const url = await createEarlierDatabase()
  await migrate(url)
  const rows = await query(
    url,
    `select
      key, sku, qty, supplier, state::text, ref, step, attempts, rechecks,
      array(
        select version from order_events as event
        where event.order_id = requests.order_id and event.at = asked_at and to_status = 'AWAITING_RESTOCK'
      ) as "askedIn",
      array(
        select version from order_events as event
        where event.order_id = requests.order_id and event.at = ended_at and from_status = 'AWAITING_RESTOCK'
      ) as "endedIn",
      ended_at is not null as "isOver"
    from supplier_requests as requests join idempotency_keys using (order_id) order by order_id`,
  )
  const open = { isOver: false, endedIn: [], rechecks: 0, ref: null }
  const over = { isOver: true, endedIn: [3], attempts: 0, rechecks: 0, ref: null }
  expect(rows).toEqual([
    request('passed over', 'FEW', 4, 'ASKED', { ...open, step: 1, attempts: 0 }),
    request('delivered', 'NONE', 4, 'DELIVERED', { ...over, step: 3, rechecks: 1, ref: 'ref-1' }),
    request('refused', 'NONE', 6, 'REFUSED', { ...over, step: 1 }),
    request('failed', 'NONE', 6, 'FAILED', { ...over, step: 2, ref: 'ref-2' }),
    request('delayed', 'NONE', 6, 'DELAYED', { ...over, step: 4, rechecks: 2, ref: 'ref-3' }),
    request('unreachable', 'NONE', 6, 'UNREACHABLE', { ...over, step: 3, attempts: 2 }),
    request('unreachable after it accepted', 'NONE', 6, 'UNREACHABLE', {
      ...over,
      step: 4,
      attempts: 2,
      ref: 'ref-4',
    }),
    request('asked again', 'NONE', 6, 'ASKED', { ...open, step: 2, attempts: 1 }),
    request('accepted', 'NONE', 6, 'ACCEPTED', { ...open, step: 2, attempts: 0, ref: 'ref-5' }),
    request('accepted and late', 'NONE', 6, 'ACCEPTED', {
      ...open,
      step: 6,
      attempts: 1,
      rechecks: 2,
      ref: 'ref-6',
    }),
    request('asked', 'NONE', 1, 'ASKED', { ...open, step: 1, attempts: 0 }),
    // its job was given up: nobody knows what the supplier would have said
    request('given up while asking', 'NONE', 2, 'UNREACHABLE', { ...over, step: 2, ref: 'ref-7' }),
    request('opened again and pending', 'NONE', 11, 'UNREACHABLE', { ...over, step: 3, attempts: 2 }),
    request('opened again and reserved', 'MENDED', 11, 'UNREACHABLE', { ...over, step: 3, attempts: 2 }),
    request('opened again and asked', 'NONE', 11, 'ASKED', { ...open, step: 4, attempts: 0, askedIn: [5] }),
    request('opened again and refused', 'NONE', 11, 'REFUSED', {
      ...over,
      step: 4,
      askedIn: [5],
      endedIn: [6],
    }),
    request('opened again and delivered', 'NONE', 11, 'DELIVERED', {
      ...over,
      step: 5,
      ref: 'ref-8',
      askedIn: [5],
      endedIn: [6],
    }),
    request('opened again and given up', 'NONE', 11, 'UNREACHABLE', { ...over, step: 3, attempts: 2 }),
  ])
})

test('who waits is in the queue of its SKU, and each queue is served: stock that is there may do for somebody', async () => {
  const url = await createEarlierDatabase()
  await migrate(url)
  expect(
    await query(
      url,
      `select key, order_lines.sku, queued_qty as queued from order_lines join idempotency_keys using (order_id)
      where queued_qty is not null order by order_id`,
    ),
  ).toEqual([
    { key: 'passed over', sku: 'FEW', queued: 4 },
    { key: 'asked again', sku: 'NONE', queued: 6 },
    { key: 'accepted', sku: 'NONE', queued: 6 },
    { key: 'accepted and late', sku: 'NONE', queued: 6 },
    { key: 'asked', sku: 'NONE', queued: 1 },
    { key: 'opened again and asked', sku: 'NONE', queued: 11 },
  ])
  const marks = await query(url, 'select sku from serving order by sku')
  expect(marks).toEqual([{ sku: 'FEW' }, { sku: 'NONE' }])
  const jobs = await query(
    url,
    `select payload, max_attempts::int as tries from graphile_worker._private_jobs as jobs
    join graphile_worker._private_tasks as tasks on tasks.id = task_id
    where identifier = 'serve-waiting' order by jobs.id`,
  )
  expect(jobs).toEqual(marks.map(({ sku }) => ({ payload: { sku }, tries: 8 })))
})

test('every movement is at MAIN, and says what it did to reserved and which version it made', async () => {
  const url = await createEarlierDatabase()
  const before = await query(
    url,
    `select
      movements.*, movements.type::text,
      (
        select version from order_events as event where event.order_id = movements.order_id and event.type = 'OrderReserved'
      ) as order_version
    from inventory_movements as movements order by id`,
  )
  await migrate(url)
  const reserved = new Map<string, number>()
  const expected = before.map((movement) => {
    const reservedDelta = movement.type === 'RESERVATION' ? -movement.delta : 0
    reserved.set(movement.sku, (reserved.get(movement.sku) ?? 0) + reservedDelta)
    return {
      ...movement,
      location: 'MAIN',
      reserved_delta: reservedDelta,
      reserved_after: String(reserved.get(movement.sku)),
      shipment_id: null,
      reference: null,
      crossed: null,
      crossed_id: null,
    }
  })
  const rows = await query(url, 'select *, type::text from inventory_movements order by id')
  expect(rows.map(({ xid, ...movement }) => movement)).toEqual(expected)
  expect(rows.filter(({ order_version }) => order_version !== null).map(({ type }) => type)).toContain(
    'SUPPLIER_RECEIPT',
  )
})

test('an item is an item, with all of its stock at MAIN', async () => {
  const url = await createEarlierDatabase()
  const before = await query(url, 'select * from inventory_items order by sku')
  await migrate(url)
  expect(
    await query(
      url,
      `select sku, items.name, available, reserved, location, priority, is_active, safety_stock
      from items join stock_levels using (sku) join locations on code = location order by sku`,
    ),
  ).toEqual(
    before.map((item) => ({
      ...item,
      location: 'MAIN',
      priority: 100,
      is_active: true,
      safety_stock: '0',
    })),
  )
  expect(await query(url, 'select location from repairs')).toEqual([{ location: 'MAIN' }])
})

test('an idempotency key keeps its order, and its fingerprint is that of the call it came with', async () => {
  const url = await createEarlierDatabase()
  const before = await query(
    url,
    `select caller, key, order_id, keys.created_at, sku, qty, customer_id
    from idempotency_keys as keys join orders on orders.id = order_id order by order_id`,
  )
  expect(before.map((row) => row.customer_id)).toContain(`O'Brien "the \\ 1st" ÄÖ 😀`)
  await migrate(url)
  expect(await query(url, 'select * from idempotency_keys order by order_id')).toEqual(
    before.map(({ sku, qty, customer_id: customerId, ...key }) => ({
      ...key,
      verb: 'createOrder',
      fingerprint: fingerprintOf('createOrder', {
        lines: [{ sku, qty }],
        customerId,
        locations: null,
        reference: null,
      }),
      shipment_ids: null,
      made: null,
    })),
  )
})

test('the event of a failure says what was given up, for whoever opens the order again', async () => {
  const url = await createEarlierDatabase()
  await migrate(url)
  const events = await query(
    url,
    `select type::text, lines, jsonb_build_array(jsonb_build_object('sku', sku, 'qty', qty)) as whole
    from order_events join order_lines using (order_id)`,
  )
  expect(events.some(({ type }) => type === 'OrderFailed')).toBe(true)
  for (const { type, lines, whole } of events) expect(lines).toEqual(type === 'OrderFailed' ? whole : null)
})

test('what is written next goes on behind what is there', async () => {
  const url = await createEarlierDatabase()
  const [{ last }] = await query(url, 'select max(id)::int as last from inventory_movements')
  await migrate(url)
  const [written] = await query(
    url,
    `insert into inventory_movements (
      sku, location, type, delta, reserved_delta, available_after, reserved_after, created_at
    ) values ('UNTOUCHED', 'MAIN', 'RECEIPT', 1, 0, 8, 0, now())
    returning id::int, xid > (select max(xid) from inventory_movements) as "isLater"`,
  )
  expect(written).toEqual({ id: last + 1, isLater: true })
  expect(await query(url, `select pg_get_serial_sequence('inventory_movements', 'id') as sequence`)).toEqual([
    { sequence: 'public.inventory_movements_id_seq' },
  ])
})

test('states that are open sort before those that are not: indexes of orders rely on it', async () => {
  const url = await createEarlierDatabase({ isEmpty: true })
  await migrate(url)
  const labels = await query(url, `select unnest(enum_range(null, 'FAILED'::order_status))::text as label`)
  expect(labels.map(({ label }) => label)).toEqual([
    'PENDING',
    'RESERVED',
    'AWAITING_RESTOCK',
    'PARTIALLY_SHIPPED',
    'FAILED',
  ])
})

test('a migration that fails leaves the database of the version before', async () => {
  const url = await createEarlierDatabase()
  const labels = `select enumlabel from pg_enum where enumtypid = 'order_status'::regtype order by enumsortorder`
  const before = await all(url, [labels, 'select * from orders order by id'])
  await query(url, 'create table shipments ()')
  await expect(migrate(url)).rejects.toThrow(
    /^The migration 0010_lines failed and was undone: relation "shipments" already exists/,
  )
  expect(await all(url, [labels, 'select * from orders order by id'])).toEqual(before)
  await query(url, 'drop table shipments')
  const scripts = (await readdir('prisma/migrations')).filter((name) => /^\d{4}_/.test(name)).sort()
  expect(await migrate(url)).toEqual(scripts.slice(scripts.indexOf('0010_lines')))
})

function order(key: string, sku: string, qty: number, rest: object) {
  return { key, sku, position: 0, qty, reserved: 0, ...rest }
}

function request(key: string, sku: string, qty: number, state: string, rest: object) {
  return { key, sku, qty, supplier: 'default', state, askedIn: [2], ...rest }
}

function all(url: string, statements: readonly string[]) {
  return Promise.all(statements.map((statement) => query(url, statement)))
}
