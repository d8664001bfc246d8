import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { EMPTY_QUEUE } from '../support/queue.ts'
import { type DatabaseFault, repeatMovement, testFindsInDatabase } from './plant-faults.ts'
import { SmallRun } from './small-run.ts'

// Something is wrong in the database that a run leaves, and the checks have to say what.

const run = new SmallRun()
beforeAll(() => run.start())
afterAll(() => run.end())

test('find nothing where nothing is wrong', async () => {
  expect(await run.check(run.remember())).toEqual([])
})

test('let an order pass that was under way at 20 deaths of a worker', async () => {
  expect(await run.check(run.remember(), giveUp('INTERNAL_ERROR', 'Its worker died 20 times'))).toEqual([])
})

/** Statements that take back that a supplier refused an order. */
const unrefused = () => `delete from order_events where order_id = '${run.refused.id}' and version = 3;
  update order_lines set cancelled = 0 where order_id = '${run.refused.id}';
  update orders set status = 'AWAITING_RESTOCK', ending = null, failure_reason = null, version = 2 where id = '${run.refused.id}'`

describe('a fault in the database is found:', () => {
  const faults: DatabaseFault[] = [
    [
      'a lost order',
      () => `delete from orders where id = '${run.stocked.id}'; delete from order_events where order_id = '${run.stocked.id}';
        delete from order_lines where order_id = '${run.stocked.id}'; delete from idempotency_keys where key = 'stocked'`,
      'an acknowledged order exists',
    ],
    [
      'an order of another quantity',
      () => `update order_lines set qty = 7 where order_id = '${run.stocked.id}'`,
      'an acknowledged order is as it was sent',
    ],
    [
      'an order without one of its lines',
      () => `delete from order_lines where order_id = '${run.late.id}' and sku = 'B'`,
      'an acknowledged order is as it was sent',
    ],
    [
      'an order of other locations',
      () => `update orders set locations = '{EAST}' where id = '${run.stocked.id}'`,
      'an acknowledged order is as it was sent',
    ],
    [
      'an order that was to wait and asked a supplier',
      () => `update orders set if_short = 'ASK_SUPPLIER' where id = '${run.waiting.id}'`,
      'an acknowledged order is as it was sent',
    ],
    [
      'a hold that never expires',
      () => `update orders set expires_at = null where id = '${run.expired.id}'`,
      'an acknowledged order is as it was sent',
    ],
    [
      'a hold that expired although it was confirmed',
      () => `insert into order_events (order_id, version, type, from_status, to_status, at)
        values ('${run.firm.id}', 4, 'OrderExpired', 'RESERVED', 'EXPIRED', now());
        update orders set status = 'EXPIRED', ending = 'EXPIRED', version = 4 where id = '${run.firm.id}'`,
      'what was confirmed expires no more',
    ],
    [
      'a confirmation that was acknowledged and lost',
      () => `delete from order_events where order_id = '${run.firm.id}' and version = 3;
        update orders set version = 2, expires_at = now() + interval '1 h' where id = '${run.firm.id}'`,
      'a hold is changed as clients were told',
    ],
    [
      'an extension that was made twice',
      () => `update order_events set version = 5 where order_id = '${run.expired.id}' and version = 4;
        insert into order_events (order_id, version, type, from_status, to_status, at)
        values ('${run.expired.id}', 4, 'HoldExtended', 'RESERVED', 'RESERVED', now());
        update orders set version = 5 where id = '${run.expired.id}'`,
      'a hold is changed as clients were told',
    ],
    [
      'a confirmation that lost its key',
      () => `delete from idempotency_keys where key = 'deed-9'`,
      'a key keeps what its call made',
    ],
    [
      'an order that was to wait and failed',
      () => `update orders set if_short = 'WAIT' where id = '${run.failed.id}'`,
      'an order goes from state to state as the table has it',
    ],
    [
      'an order that failed for want of stock and was to ask a supplier',
      () => `update orders set if_short = 'ASK_SUPPLIER' where id = '${run.failed.id}'`,
      'an order goes from state to state as the table has it',
    ],
    [
      'a supplier asked for who waits',
      () => `update orders set if_short = 'WAIT' where id = '${run.supplied.id}'`,
      'an order goes from state to state as the table has it',
    ],
    [
      'something held by who waits for all of it',
      () => `update order_lines set reserved = 1 where order_id = '${run.waiting.id}' and sku = 'A'`,
      'an order goes from state to state as the table has it',
    ],
    [
      'a part of an order served that waits for all of it',
      () => `insert into order_events (order_id, version, type, from_status, to_status, at)
        values ('${run.waiting.id}', 3, 'OrderReserved', 'AWAITING_RESTOCK', 'AWAITING_RESTOCK', now());
        update orders set version = 3 where id = '${run.waiting.id}'`,
      'an order goes from state to state as the table has it',
    ],
    [
      'a queue that is served for ever',
      () => `insert into serving (sku) values ('E')`,
      'every queue is served to its end',
    ],
    [
      'an order failed for stock that was there',
      () => `update order_events set lines = '[{"sku": "E", "qty": 3, "missing": 1}]'
        where order_id = '${run.failed.id}' and type = 'OrderFailed'`,
      'stock that was there is never refused, in the order of creation',
    ],
    [
      'an order that lost its key',
      () => `delete from idempotency_keys where key = 'stocked'`,
      'a key keeps its order',
    ],
    [
      'an order of a call that was refused',
      () => `insert into idempotency_keys (caller, key, verb, fingerprint, order_id, created_at)
        select caller, 'nowhere', verb, fingerprint, order_id, created_at from idempotency_keys where key = 'stocked'`,
      'a refused call leaves nothing',
    ],
    [
      'a change that was acknowledged and lost',
      () => `update order_events set note = null where note = 'deed-3'`,
      'a change that was acknowledged is made',
    ],
    [
      'a change that was made twice',
      () => `update order_events set note = 'deed-3' where order_id = '${run.late.id}' and note = 'deed-6'`,
      'a change is made once',
    ],
    [
      'a change that was refused and made',
      () => `update order_events set note = 'deed-7' where note = 'deed-6'`,
      'a refused call leaves nothing',
    ],
    [
      'a change of another quantity',
      () => `update order_events set lines = '[{"sku": "B", "qty": 4}]' where note = 'deed-2'`,
      'a change is the one that was asked for',
    ],
    [
      'a change that nobody asked for',
      () => `update order_events set note = 'stray' where note = 'deed-6'`,
      'no change of an order but those that were sent',
    ],
    [
      'a change that lost its key',
      () => `delete from idempotency_keys where key = 'deed-2'`,
      'a key keeps what its call made',
    ],
    [
      'more returned than clients said',
      () => `update order_lines set returned = 4 where order_id = '${run.carried.id}' and sku = 'B'`,
      'what was shipped and came back is what clients were told',
    ],
    [
      'more shipped than an order held',
      () =>
        `update inventory_movements set reserved_delta = reserved_delta - 1 where order_id = '${run.carried.id}' and type = 'SHIPMENT'`,
      'an order gives up and ships what it holds',
    ],
    [
      'goods on hand that did not come back',
      () => `update stock_levels set available = available + 1 where sku = 'B' and location = 'EAST'`,
      'stock is what came in less what went out',
    ],
    [
      'goods kept back from who waits for them',
      () => `delete from inventory_movements where order_id = '${run.supplied.id}' and type = 'RESERVATION'`,
      'goods are for who waits for them',
    ],
    [
      'goods that an order had not given up',
      () => `delete from order_events where note = 'deed-6'`,
      'goods are for who waits for them',
    ],
    [
      'a movement twice',
      () => `drop index inventory_movements_transition_key;
        insert into inventory_movements (sku, location, type, delta, reserved_delta, available_after, reserved_after, order_id, order_version, created_at)
        select sku, location, type, delta, reserved_delta, available_after + delta, reserved_after + reserved_delta, order_id, order_version, created_at
        from inventory_movements where order_id = '${run.stocked.id}'`,
      'invariant: a line has reserved what its movements hold',
    ],
    [
      'more sold than there is',
      () => `do $$ declare name text; begin
          for name in select conname from pg_constraint where conrelid = 'stock_levels'::regclass and contype = 'c'
          loop execute format('alter table stock_levels drop constraint %I', name); end loop;
        end $$;
        update stock_levels set available = -1`,
      'invariant: available is never below zero',
    ],
    [
      'stock that no movement explains',
      () => `update stock_levels set available = available + 1`,
      'invariant: available is the sum of the movements',
    ],
    [
      'a version left out',
      () => `update order_events set version = 4 where order_id = '${run.supplied.id}' and version = 3;
        update orders set version = 4 where id = '${run.supplied.id}'`,
      'invariant: each event starts where the one before ended',
    ],
    [
      'an event that leads where it may not',
      () => `update order_events set type = 'OrderReserved' where note = 'deed-3'`,
      'an order goes from state to state as the table has it',
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
    ['an order that never ends', unrefused, 'an order goes from state to state as the table has it'],
    [
      'an order that never ends and that nobody works on',
      () => `${unrefused()}; update supplier_requests set state = 'ASKED', ended_at = null where order_id = '${run.refused.id}';
        ${EMPTY_QUEUE}`,
      'invariant: an open order and an open request have the job that brings them on',
    ],
    [
      'goods that never came',
      () =>
        `delete from inventory_movements where order_id = '${run.supplied.id}' and type = 'SUPPLIER_RECEIPT'`,
      'what came in was delivered',
    ],
    [
      'stock refused that was there',
      () => `update order_events set lines = '[{"sku": "A", "qty": 1, "missing": 1}]'
        where order_id = '${run.refused.id}' and type = 'OrderAwaitingRestock'`,
      'stock that was there is never refused, in the order of creation',
    ],
    [
      'stock taken from where an order may not',
      () => `update locations set is_active = false where code = 'EAST'`,
      'an order takes from where it may',
    ],
    [
      'a ledger out of order',
      () => `update inventory_movements set id = -id where reason = 'chaos 1'`,
      'the ledger runs in the order of the changes',
    ],
    ['an adjustment twice', () => repeatMovement('chaos 1'), 'an adjustment is made as it was answered'],
  ]
  testFindsInDatabase(run, faults)
})

/** Statements that end an order as one that was given up. */
function giveUp(reason: string, error: string): string {
  return `update orders set failure_reason = '${reason}' where id = '${run.refused.id}';
    update order_events set reason = '${reason}' where order_id = '${run.refused.id}' and version = 3;
    insert into dead_letters (id, order_id, task, payload, error, attempts, created_at)
    values (gen_random_uuid(), '${run.refused.id}', 'request-supplier', '{}', '${error}', 20, now())`
}
