import { describe, expect, onTestFinished } from 'vitest'
import type { Queryable } from '../../../src/sql/statement.ts'
import { findBreaches, INVARIANTS } from '../../../src/sql/upkeep/find-breaches.ts'
import { sharedTest as test } from '../../support/fixtures.ts'
import { changeJobs, dropJobs, loseJobsOf, readJobs } from '../../support/queue.ts'
import { type OrderIds, seedEveryState } from './seed-every-state.ts'

let ids: OrderIds
test.beforeAll(async ({ app }) => {
  ids = await seedEveryState(app)
})

test('all hold on a database that only use-cases have written', async ({ app }) => {
  expect(await findBreaches(app.pool)).toEqual([])
})

// each does by hand what no use-case can, and the check has to name it, and its cause where it can be told
type Corruption = (on: Queryable) => string | Promise<unknown>
const corruptions: [string, Corruption, string, string | null][] = [
  [
    'more sold than there is',
    () => `alter table stock_levels drop constraint stock_levels_available_check;
      update stock_levels set available = -1 where sku = 'A'`,
    'available is never below zero',
    'the CHECK that refuses it is gone',
  ],
  [
    'stock without a movement',
    () => `update stock_levels set available = available + 1 where sku = 'A'`,
    'available is the sum of the movements',
    'the counter was changed by +1 without a movement',
  ],
  [
    'a movement without its stock',
    () => `delete from inventory_movements where type = 'RECEIPT' and sku = 'A'`,
    'available is the sum of the movements',
    'the ledger was changed: a movement was altered or is missing at movement 3 or before it; the counter is what the last says',
  ],
  [
    'a reserved count that is off',
    () => `update stock_levels set reserved = reserved + 1 where sku = 'A'`,
    'reserved is the sum of the movements',
    'the counter alone was changed, by +1',
  ],
  [
    'movements of no level',
    () => `delete from stock_levels where sku = 'A'`,
    'reserved is the sum of the movements',
    'there are movements of it, and no level',
  ],
  [
    'stock at another location without a movement',
    () => `update stock_levels set available = available + 1 where sku = 'C' and location = 'WEST'`,
    'available is the sum of the movements',
    'the counter was changed by +1 without a movement',
  ],
  [
    'a quantity after that is off',
    () =>
      `update inventory_movements set available_after = available_after + 1 where type = 'RECEIPT' and sku = 'A'`,
    'each movement follows from the one before',
    'its available_after was altered by +1',
  ],
  [
    'a reserved quantity after that is off',
    () =>
      `update inventory_movements set reserved_after = reserved_after + 1 where type = 'RECEIPT' and sku = 'A'`,
    'each movement follows from the one before',
    'its reserved_after was altered by +1',
  ],
  [
    'a reserved line without its reservation',
    () => `delete from inventory_movements where order_id = '${ids.reserved}'`,
    'a line has reserved what its movements hold',
    'a movement was deleted or altered, or the line was changed',
  ],
  [
    'a reservation of a line that is not reserved',
    () => `update order_lines set reserved = 0 where order_id = '${ids.reserved}'`,
    'a line has reserved what its movements hold',
    'the line was changed by -2, or a movement was said to be of another order',
  ],
  [
    'one line of several that is reserved without a reservation',
    () => `update order_lines set reserved = 1 where order_id = '${ids.several}' and sku = 'D'`,
    'a line has reserved what its movements hold',
    'the line was changed by +1, or a movement was said to be of another order',
  ],
  [
    'movements for another SKU than was ordered',
    () => `update order_lines set sku = 'B' where order_id = '${ids.open}';
      update inventory_movements set order_id = '${ids.open}' where order_id = '${ids.reserved}';
      delete from order_lines where order_id = '${ids.reserved}'`,
    'a line has reserved what its movements hold',
    'a movement was written or altered, or the line was changed',
  ],
  [
    'a line that shipped less than left',
    () => `update order_lines set reserved = 3, shipped = 0, returned = 0 where order_id = '${ids.shipped}'`,
    'a line has shipped what its shipments took',
    'the line was changed, or a movement of a shipment was deleted or altered',
  ],
  [
    'a line with fewer back than came',
    () => `update order_lines set returned = 0 where order_id = '${ids.shipped}'`,
    'a line has as many back as its returns brought',
    'the line was changed, or a movement of a return was written or altered',
  ],
  [
    'a line that has more than was ordered',
    () => `alter table order_lines drop constraint order_lines_parts_check;
      update order_lines set qty = 1 where order_id = '${ids.shipped}'`,
    "a line's parts are what was ordered",
    'the CHECK that refuses it is gone',
  ],
  [
    'a state that the lines do not say',
    () => `update orders set status = 'PENDING' where id = '${ids.reserved}'`,
    'the status of an order follows from its lines',
    'its status was changed without an event',
  ],
  [
    'a state of an order that has ended, which its end does not say',
    () => `alter table orders drop constraint orders_ending_check;
      update orders set ending = null where id = '${ids.over}'`,
    'the status of an order follows from its lines',
    null,
  ],
  [
    'an order that waits while its lines are all there',
    () => `update order_lines set reserved = qty where order_id = '${ids.several}'`,
    'the status of an order follows from its lines',
    null,
  ],
  [
    'an order without lines',
    () => `delete from order_lines where order_id = '${ids.open}'`,
    'the status of an order follows from its lines',
    'it has no lines',
  ],
  [
    'a shipment of another version',
    () => `update shipments set order_version = 99 where undone_at is null and order_id = '${ids.shipped}'`,
    "a shipment's goods left with the version that it made",
    null,
  ],
  [
    'a shipment that is said to be undone',
    () => `update shipments set undone_at = now() where undone_at is null and order_id = '${ids.shipped}'`,
    "a shipment's goods left with the version that it made",
    null,
  ],
  [
    'a receipt of another quantity',
    () => `update inventory_movements set delta = delta + 1 where type = 'SUPPLIER_RECEIPT'`,
    "a supplier's receipt brings what was asked for, once",
    null,
  ],
  [
    'a receipt that nobody asked for',
    () => `delete from supplier_requests where state = 'DELIVERED'`,
    "a supplier's receipt brings what was asked for, once",
    'there is no such request',
  ],
  [
    'a request for a line that the order does not have',
    () => `update supplier_requests set sku = 'A' where order_id = '${ids.several}' and sku = 'D'`,
    'a supplier is asked for a line of an order',
    null,
  ],
  [
    'a request for more than was ordered',
    () => `update supplier_requests set qty = 3 where order_id = '${ids.several}' and sku = 'D'`,
    'a supplier is asked for a line of an order',
    null,
  ],
  [
    'a request of no order',
    () =>
      `update supplier_requests set order_id = gen_random_uuid() where order_id = '${ids.over}' and sku = 'D'`,
    'a supplier is asked for a line of an order',
    'there is no such order',
  ],
  [
    'an order that waits for more than was asked for',
    () => `update supplier_requests set qty = 1 where order_id = '${ids.several}' and sku = 'D'`,
    'an order that waits for restock asks for each line that waits',
    'fewer are asked for than wait: 1',
  ],
  [
    'one line of several that nobody was asked for',
    () => `delete from supplier_requests where order_id = '${ids.several}' and sku = 'E'`,
    'an order that waits for restock asks for each line that waits',
    'nobody was asked',
  ],
  [
    'an order that waits, and nobody was asked',
    () => `delete from supplier_requests where order_id = '${ids.waiting}'`,
    'an order that waits for restock asks for each line that waits',
    'nobody was asked',
  ],
  [
    'an order that waits after the last answer',
    () => `update supplier_requests set state = 'FAILED', ended_at = now() where order_id = '${ids.waiting}'`,
    'an order that waits for restock asks for each line that waits',
    "the supplier's last answer has come: FAILED",
  ],
  [
    'an order that waits for a call that no job makes',
    (on) => loseJobsOf(on, [ids.waiting]),
    'an open order and an open request have the job that brings them on',
    'its job is lost',
  ],
  [
    'an order that waits for another call than its job makes',
    (on) =>
      changeJobs(
        on,
        { payload: { orderId: ids.waiting, sku: 'A', step: 7 } },
        { orderIds: [ids.waiting], task: 'request-supplier' },
      ),
    'an open order and an open request have the job that brings them on',
    'its job is lost; there is one of another step',
  ],
  [
    'a line of several whose call no job makes',
    async (on) => {
      const jobs = await readJobs(on, { orderIds: [ids.several], task: 'request-supplier' })
      await dropJobs(on, { ids: jobs.filter(({ payload }) => payload.sku === 'D').map(({ id }) => id) })
    },
    'an open order and an open request have the job that brings them on',
    'its job is lost',
  ],
  [
    'a request that outlives its order, and that no job makes',
    async (on) => {
      const jobs = await readJobs(on, { orderIds: [ids.over], task: 'request-supplier' })
      await dropJobs(on, { ids: jobs.filter(({ payload }) => payload.sku === 'E').map(({ id }) => id) })
    },
    'an open order and an open request have the job that brings them on',
    'its job is lost',
  ],
  [
    'an open order without a job',
    (on) => loseJobsOf(on, [ids.open]),
    'an open order and an open request have the job that brings them on',
    'its job is lost',
  ],
  [
    'an open order that the job of its commit leaves out',
    (on) => changeJobs(on, { payload: { orders: [{ orderId: ids.reserved }] } }, { orderIds: [ids.open] }),
    'an open order and an open request have the job that brings them on',
    'its job is lost',
  ],
  [
    'an open order with an out-of-date job alone',
    (on) => changeJobs(on, { payload: { orderId: ids.open, step: 7 } }, { orderIds: [ids.open] }),
    'an open order and an open request have the job that brings them on',
    'its job is lost; there is one of another step',
  ],
  [
    'a key without its order',
    () => `insert into idempotency_keys values ('c', 'k', 'v', 'f', gen_random_uuid(), null, now())`,
    'an idempotency key has its order',
    null,
  ],
  [
    'a key without its shipment',
    () =>
      `insert into idempotency_keys values ('c', 'k', 'v', 'f', '${ids.shipped}', array[gen_random_uuid()], now())`,
    'an idempotency key has its shipments',
    null,
  ],
  [
    'a key without its movement',
    () =>
      `insert into idempotency_keys (caller, key, verb, fingerprint, made, created_at)
        values ('c', 'k', 'v', 'f', '{"outcomes": [{"movement": null}, {"movement": "1"}, {"movement": "999999"}]}', now())`,
    'an idempotency key has its movements',
    null,
  ],
  [
    'an import of which a refused row is not kept',
    () =>
      `insert into imports (caller, key, fingerprint, next_line, rows_read, refused, created_at)
        values ('', 'k', 'f', 3, 1, 1, now())`,
    'an import keeps each row that it refused',
    null,
  ],
  [
    'a delivery twice',
    () => `insert into webhook_deliveries (id, webhook_id, event_id, event_type, status, next_attempt_at, created_at)
      select gen_random_uuid(), id, 'evt_m1', 'inventory.changed', 'PENDING', now(), now() from webhooks, generate_series(1, 2)`,
    'a webhook has an event once',
    'its cursor was set back, or a delivery was copied',
  ],
  [
    'a webhook beyond the ledger',
    () => `update webhooks set cursor = cursor + 1000`,
    'a webhook stands within the outbox',
    "the ledger's sequence was set back: what gets these numbers again is not told",
  ],
  [
    'a webhook for which no order event is numbered',
    () => `update webhooks set has_order_events = not has_order_events`,
    'an order event is numbered while a webhook subscribes to orders',
    'its events were changed by hand: order events have no number for it',
  ],
  [
    'a transfer of which nothing came',
    () => `delete from inventory_movements where type = 'TRANSFER_IN'`,
    'what a transfer takes from a location comes to another',
    'a movement of it was deleted or altered',
  ],
  [
    'a line of a part-shipped order that waits outside its queue',
    () => `update order_lines set queued_qty = null where order_id = '${ids.torn}'`,
    'a line is in its queue as long as it waits',
    'the line or the order was changed',
  ],
  [
    'stock for the rest of a part-shipped order, and nobody serves it',
    () => `update stock_levels set available = available + 9 where sku = 'F'`,
    'nobody waits who would fit',
    'its queue was not served after stock came, or the stock was changed without a movement',
  ],
  [
    "a key with another order's shipment",
    () =>
      `insert into idempotency_keys
        select 'c', 'k', 'v', 'f', '${ids.open}', array[id], now() from shipments where undone_at is null and order_id = '${ids.shipped}'`,
    'an idempotency key has its shipments',
    "its shipment was deleted, or is another order's",
  ],
  [
    'a version without an event',
    () => `update orders set version = version + 1 where id = '${ids.open}'`,
    "events number an order's version",
    'the version was changed without an event, or the last event was deleted',
  ],
  [
    'an order without events',
    () => `delete from order_events where order_id = '${ids.open}'`,
    "events number an order's version",
    'its events were deleted',
  ],
  [
    'a state that no event says',
    () => `update orders set status = 'AWAITING_RESTOCK' where id = '${ids.open}'`,
    'the last event says where the order is',
    'the order was changed without an event',
  ],
  [
    'a gap in the history',
    () =>
      `update order_events set from_status = 'AWAITING_RESTOCK' where order_id = '${ids.reserved}' and version = 2`,
    'each event starts where the one before ended',
    'it or the one before was altered',
  ],
  [
    'an order of no item',
    () => `update order_lines set sku = 'Z' where order_id = '${ids.open}'`,
    "an order's SKU exists",
    null,
  ],
  [
    'a line that left its queue',
    () => `update order_lines set queued_qty = null where order_id = '${ids.waiting}'`,
    'a line is in its queue as long as it waits',
    'the line or the order was changed',
  ],
  [
    'a turn in a queue that nobody serves',
    () => `update order_lines set queued_qty = 0 where order_id = '${ids.open}'`,
    'an order that waits for its turn is of a SKU that is served',
    'the mark of the queue is lost',
  ],
  [
    'a mark without its job',
    () => `insert into serving (sku) values ('A')`,
    'a queue that is served has the job that serves it',
    'its job is lost',
  ],
  [
    'stock that serves nobody',
    () => `update stock_levels set available = 100 where sku = 'A'`,
    'nobody waits who would fit',
    'its queue was not served after stock came, or the stock was changed without a movement',
  ],
  [
    'an item that is said to be out of stock',
    () => `update items set is_out = true where sku = 'B'`,
    'an item is low or out of stock as its levels say',
    'its state or its rules were changed, or the stock was, without a movement',
  ],
  [
    'an item that is said to be low',
    () => `update items set low_stock_at = 0, is_low = true where sku = 'B'`,
    'an item is low or out of stock as its levels say',
    'its state or its rules were changed, or the stock was, without a movement',
  ],
  [
    'an item that is no longer judged',
    () => `update items set is_out = null where sku = 'B'`,
    'an item is low or out of stock as its levels say',
    'its state or its rules were changed, or the stock was, without a movement',
  ],
  [
    'a hold that outlives its time',
    async (on) => {
      await on.query(`update orders set expires_at = now() - interval '6 s' where id = '${ids.reserved}'`)
      await on.query(
        `insert into workers (id, started_at, seen_at, jobs_held, pool_ids) values ('alive', now() - interval '1 h', now(), '{}', '{}')`,
      )
    },
    'a hold is released within 5 s of its expiry',
    'no worker that lives releases it',
  ],
  [
    'a level of no item',
    () => `delete from items where sku = 'C'`,
    'a level is of an item, at a location',
    'it was deleted',
  ],
  [
    'a level at no location',
    () => `delete from locations where code = 'WEST';
      delete from stock_levels where location = 'WEST' and sku <> 'C'`,
    'a level is of an item, at a location',
    'it was deleted',
  ],
]

test('are each broken by one of these', () => {
  expect([...new Set(corruptions.map(([, , invariant]) => invariant))].sort()).toEqual(INVARIANTS.toSorted())
})

describe('finds', () => {
  test.for(corruptions)('%s', async ([_name, corrupt, invariant, cause], { app }) => {
    const client = await app.pool.connect()
    onTestFinished(async () => {
      await client.query('rollback')
      client.release()
    })
    await client.query('begin')
    const corruption = corrupt(client)
    await (typeof corruption === 'string' ? client.query(corruption) : corruption)
    const breaches = await findBreaches(client)
    const ofOne = await findBreaches(client, invariant)
    expect(ofOne).not.toEqual([])
    expect(ofOne).toEqual(breaches.filter((breach) => breach.invariant === invariant))
    expect(ofOne.map((breach) => breach.cause)).toEqual([cause])
  })
})
