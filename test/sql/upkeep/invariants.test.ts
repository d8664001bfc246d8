import { describe, expect } from 'vitest'
import type { Queryable } from '../../../src/sql/statement.ts'
import { findBreaches, INVARIANTS } from '../../../src/sql/upkeep/find-breaches.ts'
import { settleSupplierOutcomes } from '../../../src/use-cases/supplier/settle-supplier-outcomes.ts'
import { sharedTest as test } from '../../support/fixtures.ts'
import { seed } from '../../support/harness.ts'
import { changeJobs, loseJobsOf } from '../../support/queue.ts'
import { reserveOrders } from '../../support/reserve-orders.ts'

let reservedId = ''
let openId = ''
test.beforeAll(async ({ app }) => {
  await seed(app).item({ sku: 'A', available: 5 })
  reservedId = (await seed(app).order({ sku: 'A', qty: 2 })).id
  const fromSupplier = (await seed(app).order({ sku: 'A', qty: 9 })).id
  const failed = (await seed(app).order({ sku: 'A', qty: 9 })).id
  await reserveOrders(app, [reservedId, fromSupplier, failed])
  await settleSupplierOutcomes(app, [
    { orderId: fromSupplier, step: 1, outcome: { kind: 'ok' } },
    { orderId: failed, step: 1, outcome: { kind: 'refused' } },
  ])
  openId = (await seed(app).order({ sku: 'A', qty: 1 })).id
})

test('all hold on a database that only use-cases have written', async ({ app }) => {
  expect(await findBreaches(app.pool)).toEqual([])
})

// each does by hand what no use-case can, and the check has to name it, and its cause where it can be told
type Corruption = (on: Queryable) => string | Promise<unknown>
const corruptions: [string, Corruption, string, string | null][] = [
  [
    'stock without a movement',
    () => `update inventory_items set available = available + 1`,
    'available is the sum of the movements',
    'the counter was changed by +1 without a movement',
  ],
  [
    'a movement without its stock',
    () => `delete from inventory_movements where type = 'RECEIPT'`,
    'available is the sum of the movements',
    'the ledger was changed: a movement was altered or is missing at movement 2 or before it; the counter is what the last says',
  ],
  [
    'a reserved count that is off',
    () => `update inventory_items set reserved = reserved + 1`,
    'reserved is the sum of the reserved orders',
    'the counter alone was changed, by +1',
  ],
  [
    'a quantity after that is off',
    () => `update inventory_movements set available_after = available_after + 1 where type = 'RECEIPT'`,
    'each movement follows from the one before',
    'its available_after was altered by +1',
  ],
  [
    'a reserved order without its reservation',
    () => `delete from inventory_movements where order_id = '${reservedId}'`,
    'a reserved order has its one reservation, and no other has any',
    'its reservation was deleted',
  ],
  [
    'a reservation of an order that is not reserved',
    () => `update orders set status = 'PENDING' where id = '${reservedId}'`,
    'a reserved order has its one reservation, and no other has any',
    'its status was changed without an event',
  ],
  [
    'a reservation of another quantity',
    () => `update orders set qty = 3 where id = '${reservedId}'`,
    'a reservation takes what its order wants, of its SKU',
    'the ledger follows at movement 2: the order was changed',
  ],
  [
    'a receipt of another quantity',
    () => `update inventory_movements set delta = delta + 1 where type = 'SUPPLIER_RECEIPT'`,
    "a supplier's receipt brings what its order wants, of its SKU",
    'movement 3 was altered',
  ],
  [
    'an open order without a job',
    (on) => loseJobsOf(on, [openId]),
    'an order that is not final has the job that brings it on',
    'its job is lost',
  ],
  [
    'an open order that the job of its commit leaves out',
    (on) => changeJobs(on, { payload: { orders: [{ orderId: reservedId }] } }, { orderIds: [openId] }),
    'an order that is not final has the job that brings it on',
    'its job is lost',
  ],
  [
    'an open order with an out-of-date job alone',
    (on) => changeJobs(on, { payload: { orderId: openId, step: 7 } }, { orderIds: [openId] }),
    'an order that is not final has the job that brings it on',
    'its job is lost; there is one of another step',
  ],
  [
    'a key without its order',
    () => `insert into idempotency_keys values ('c', 'k', gen_random_uuid(), now())`,
    'an idempotency key has its order',
    null,
  ],
  [
    'a version without an event',
    () => `update orders set version = version + 1 where id = '${openId}'`,
    "events number an order's version",
    'the version was changed without an event, or the last event was deleted',
  ],
  [
    'an order without events',
    () => `delete from order_events where order_id = '${openId}'`,
    "events number an order's version",
    'its events were deleted',
  ],
  [
    'a state that no event says',
    () => `update orders set status = 'AWAITING_RESTOCK' where id = '${openId}'`,
    'the last event says where the order is',
    'the order was changed without an event',
  ],
  [
    'a gap in the history',
    () =>
      `update order_events set from_status = 'AWAITING_RESTOCK' where order_id = '${reservedId}' and version = 2`,
    'each event starts where the one before ended',
    'it or the one before was altered',
  ],
  [
    'an order of no item',
    () => `update orders set sku = 'B' where id = '${openId}'`,
    "an order's SKU exists",
    null,
  ],
]

describe('finds', () => {
  test.for(corruptions)('%s', async ([_name, corrupt, invariant, cause], { app }) => {
    const client = await app.pool.connect()
    await client.query('begin')
    const corruption = corrupt(client)
    await (typeof corruption === 'string' ? client.query(corruption) : corruption)
    const breaches = await findBreaches(client)
    const ofOne = await findBreaches(client, invariant)
    await client.query('rollback')
    client.release()
    expect(ofOne).not.toEqual([])
    expect(ofOne).toEqual(breaches.filter((breach) => breach.invariant === invariant))
    expect(ofOne.map((breach) => breach.cause)).toEqual([cause])
    expect(INVARIANTS).toContain(invariant)
  })
})

// what the database itself refuses, whoever asks
const refusals: [string, () => string, string][] = [
  ['stock below zero', () => `update inventory_items set available = -1`, 'inventory_items_available_check'],
  ['reserved below zero', () => `update inventory_items set reserved = -1`, 'inventory_items_reserved_check'],
  [
    'an item with an odd SKU',
    () => `insert into inventory_items values ('a b', 'x', 0, 0)`,
    'inventory_items_sku_check',
  ],
  ['an order of nothing', () => `update orders set qty = 0`, 'orders_qty_check'],
  [
    'a failure without a reason',
    () => `update orders set status = 'FAILED', failure_reason = null where id = '${openId}'`,
    'orders_failure_reason_check',
  ],
  [
    'a second reservation',
    () =>
      `insert into inventory_movements (sku, type, delta, available_after, order_id, created_at) values ('A', 'RESERVATION', -1, 1, '${reservedId}', now())`,
    'inventory_movements_order_id_type_key',
  ],
  [
    'a movement of nothing',
    () => `update inventory_movements set delta = 0`,
    'inventory_movements_delta_check',
  ],
  [
    'a reservation of no order',
    () => `update inventory_movements set order_id = null where type = 'RESERVATION'`,
    'inventory_movements_order_check',
  ],
  [
    'a second event of one version',
    () => `insert into order_events values ('${openId}', 1, 'OrderCreated', null, 'PENDING', null, now())`,
    'order_events_pkey',
  ],
  [
    'a second creation',
    () => `update order_events set from_status = null where version = 2`,
    'order_events_creation_check',
  ],
  [
    'one key for two orders',
    () =>
      `insert into idempotency_keys values ('c', 'k', gen_random_uuid(), now()), ('c', 'k', gen_random_uuid(), now())`,
    'idempotency_keys_pkey',
  ],
]

describe('the database refuses', () => {
  test.for(refusals)('%s', async ([_name, statement, constraint], { app }) => {
    await expect(app.pool.query(statement())).rejects.toMatchObject({ constraint })
  })
})
