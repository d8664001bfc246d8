import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { inTransaction } from '../../src/database/transaction.ts'
import { lockOrders } from '../../src/sql/orders/find-orders.ts'
import { lockStock, moveStock } from '../../src/sql/stock/move-stock.ts'
import { reservation } from '../../src/use-cases/orders/reserve-inventory.ts'
import { transitionOrders } from '../../src/use-cases/orders/transition-orders.ts'
import { seed } from '../support/harness.ts'
import { EMPTY_QUEUE } from '../support/queue.ts'
import { type Remains, SmallRun } from './small-run.ts'

// Something is wrong with what a run leaves, and the checks have to say what.

const run = new SmallRun()
beforeAll(() => run.start())
afterAll(() => run.end())

test('find nothing where nothing is wrong', async () => {
  expect(await run.check(run.remember())).toEqual([])
})

test('let an order pass that was under way at 20 deaths of a worker', async () => {
  expect(await run.check(run.remember(), giveUp('INTERNAL_ERROR', 'Its worker died 20 times'))).toEqual([])
})

describe('a fault in the database is found:', () => {
  const faults: [string, () => string, string][] = [
    [
      'a lost order',
      () => `delete from orders where id = '${run.stocked.id}'; delete from order_events where order_id = '${run.stocked.id}';
        delete from idempotency_keys where key = 'stocked'`,
      'an acknowledged order exists',
    ],
    [
      'an order of another quantity',
      () => `update orders set qty = 7 where id = '${run.stocked.id}'`,
      'an acknowledged order is as it was sent',
    ],
    [
      'an order that lost its key',
      () => `delete from idempotency_keys where key = 'stocked'`,
      'a key keeps its order',
    ],
    [
      'an order of a call that was refused',
      () => `insert into idempotency_keys select caller, 'nowhere', order_id, created_at
        from idempotency_keys where key = 'stocked'`,
      'a refused call leaves nothing',
    ],
    [
      'a movement twice',
      () => `drop index inventory_movements_order_id_type_key;
        insert into inventory_movements (sku, type, delta, available_after, order_id, created_at)
        select sku, type, delta, available_after + delta, order_id, created_at
        from inventory_movements where order_id = '${run.stocked.id}'`,
      'invariant: a reserved order has its one reservation, and no other has any',
    ],
    [
      'more sold than there is',
      () => `do $$ declare name text; begin
          for name in select conname from pg_constraint where conrelid = 'inventory_items'::regclass and contype = 'c'
          loop execute format('alter table inventory_items drop constraint %I', name); end loop;
        end $$;
        update inventory_items set available = -1`,
      'invariant: available is never below zero',
    ],
    [
      'stock that no movement explains',
      () => `update inventory_items set available = available + 1`,
      'invariant: available is the sum of the movements',
    ],
    [
      'a version left out',
      () => `update order_events set version = 4 where order_id = '${run.supplied.id}' and version = 3;
        update orders set version = 4 where id = '${run.supplied.id}'`,
      'invariant: each event starts where the one before ended',
    ],
    [
      'a wrong reason',
      () => `update orders set failure_reason = 'SUPPLIER_FAILED' where id = '${run.refused.id}';
        update order_events set reason = 'SUPPLIER_FAILED' where order_id = '${run.refused.id}' and version = 3`,
      'an order fails for the reason it has',
    ],
    [
      'an order given up and not kept',
      () => `update orders set failure_reason = 'SUPPLIER_UNREACHABLE' where id = '${run.refused.id}';
        update order_events set reason = 'SUPPLIER_UNREACHABLE' where order_id = '${run.refused.id}' and version = 3`,
      'what was given up is kept as a dead letter',
    ],
    [
      'an order given up for its supplier',
      () => giveUp('SUPPLIER_UNREACHABLE', 'HTTP 503'),
      'no order is given up',
    ],
    [
      'an order given up by an error',
      () => giveUp('INTERNAL_ERROR', 'Connection terminated unexpectedly'),
      'no order is given up',
    ],
    [
      'an order that never ends',
      () => `delete from order_events where order_id = '${run.refused.id}' and version = 3;
        update orders set status = 'AWAITING_RESTOCK', failure_reason = null, version = 2 where id = '${run.refused.id}'`,
      'an order goes from state to state as the table has it',
    ],
    [
      'an order that never ends and that nobody works on',
      () => `delete from order_events where order_id = '${run.refused.id}' and version = 3;
        update orders set status = 'AWAITING_RESTOCK', failure_reason = null, version = 2 where id = '${run.refused.id}'; ${EMPTY_QUEUE}`,
      'invariant: an order that is not final has the job that brings it on',
    ],
    [
      'goods that never came',
      () =>
        `delete from inventory_movements where order_id = '${run.supplied.id}' and type = 'SUPPLIER_RECEIPT'`,
      'what waited for the supplier is reserved by what came in',
    ],
    [
      'stock refused that was there',
      () => `update orders set qty = 3 where id = '${run.refused.id}'`,
      'stock that was there is never refused, in the order of creation',
    ],
    [
      'a ledger out of order',
      () => `update inventory_movements set id = -id where reason = 'chaos 1'`,
      'the ledger runs in the order of the changes',
    ],
    [
      'an adjustment twice',
      () => `insert into inventory_movements (sku, type, delta, available_after, reason, created_at)
        select sku, type, delta, available_after + delta, reason, created_at
        from inventory_movements where reason = 'chaos 1'`,
      'an adjustment is made as it was answered',
    ],
  ]
  test.each(faults)('%s', async (_, statements, expected) => {
    expect(await run.check(run.remember(), statements())).toContain(expected)
  })
})

describe('what clients and supplier should not have seen is found:', () => {
  const faults: [string, (remains: Remains) => void, string][] = [
    [
      'a success that is not there',
      ({ history }) => history.intents[0]!.ids.splice(0, 1, '019a0000-0000-7000-8000-000000000000'),
      'an acknowledged order exists',
    ],
    [
      'two orders for one key',
      ({ history }) => history.intents[0]!.ids.push(run.supplied.id),
      'one key gives one order',
    ],
    [
      'a version that was taken back',
      ({ history }) => Object.assign(history.intents[0]!, { version: 3, status: 'RESERVED' }),
      'no version is taken back',
    ],
    [
      'a state that never was',
      ({ history }) => Object.assign(history.intents[0]!, { status: 'FAILED' }),
      'a call is answered with what was',
    ],
    [
      'an order that nobody sent',
      ({ history }) => history.intents.splice(0, 1),
      'no order but those that were sent',
    ],
    [
      'an adjustment in spite of a refusal',
      ({ history }) => Object.assign(history.adjustments[0]!, { outcome: 'refused' }),
      'an adjustment is made as it was answered',
    ],
    [
      'an adjustment that nobody sent',
      ({ history }) => history.adjustments.pop(),
      'no adjustment but those that were sent',
    ],
    [
      'a view without its end',
      ({ history }) => history.views[0]!.connections.at(-1)!.seen.pop(),
      'a watcher sees the newest version',
    ],
    [
      'a version twice',
      ({ history }) => history.views[0]!.connections[1]!.seen.push({ version: 3, status: 'RESERVED' }),
      'versions rise',
    ],
    [
      'an old state first',
      ({ history }) => Object.assign(history.views[0]!.connections[1]!, { known: 3 }),
      'a watcher sees the current state first',
    ],
    [
      'a state in a view that never was',
      ({ history }) => Object.assign(history.views[0]!.connections[0]!.seen[0]!, { status: 'FAILED' }),
      'a watcher sees what was',
    ],
    [
      'goods of a supplier that failed',
      ({ records }) => Object.assign(records.get(run.supplied.id)!, { plan: 'fail' }),
      'what came in was delivered',
    ],
    [
      'a second delivery for one order',
      ({ records }) => records.set('another key', { ...records.get(run.supplied.id)!, ref: 'r2' }),
      'the supplier delivers once an order',
    ],
    [
      'a supplier asked for what was in stock',
      ({ records }) =>
        records.set(run.stocked.id, {
          ...records.get(run.supplied.id)!,
          orderId: run.stocked.id,
          qty: run.stocked.qty,
        }),
      'the supplier is asked when stock is short',
    ],
    [
      'a supplier asked for something else',
      ({ records }) => Object.assign(records.get(run.supplied.id)!, { qty: 1 }),
      'the supplier is asked for orders as they are',
    ],
  ]
  test.each(faults)('%s', async (_, spoil, expected) => {
    const remains = run.remember()
    spoil(remains)
    expect(await run.check(remains)).toContain(expected)
  })
})

test('a turn taken out of order is found', async () => {
  const { available } = (await seed(run.app).item({ sku: 'B', available: 1 }))!
  const older = await seed(run.app).order({ sku: 'B', qty: 1 })
  const newer = await seed(run.app).order({ sku: 'B', qty: 1 })
  await inTransaction(run.app, 'reserve-inventory', async (tx) => {
    await lockOrders(tx, [older.id, newer.id])
    await lockStock(tx, ['B'])
    await moveStock(tx, [reservation(newer, available - 1n)], { createdAt: run.app.now() })
    await transitionOrders(run.app, tx, [
      { order: newer, to: 'RESERVED' },
      { order: older, to: 'AWAITING_RESTOCK' },
    ])
  })
  expect(await run.check(run.remember())).toContain(
    'stock that was there is never refused, in the order of creation',
  )
})

/** Statements that end an order as one that was given up. */
function giveUp(reason: string, error: string): string {
  return `update orders set failure_reason = '${reason}' where id = '${run.refused.id}';
    update order_events set reason = '${reason}' where order_id = '${run.refused.id}' and version = 3;
    insert into dead_letters (id, order_id, task, payload, error, attempts, created_at)
    values (gen_random_uuid(), '${run.refused.id}', 'request-supplier', '{}', '${error}', 20, now())`
}
