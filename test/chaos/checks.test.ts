import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkAll, type Reader } from '../../chaos/checks.ts'
import { type ChaosDatabase, startDatabase } from '../../chaos/database.ts'
import { Findings } from '../../chaos/findings.ts'
import { createIntent, type History, type Intent, type View } from '../../chaos/history.ts'
import type { SupplierRecord } from '../../chaos/hostile-supplier.ts'
import type { App } from '../../src/app.ts'
import { createApp } from '../../src/create-app.ts'
import { inTransaction } from '../../src/database/transaction.ts'
import { LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import type { Order } from '../../src/domain/order.ts'
import { createLogger } from '../../src/observability/logger.ts'
import { lockOrders } from '../../src/sql/find-orders.ts'
import { lockStock, moveStock } from '../../src/sql/move-stock.ts'
import { adjustInventory } from '../../src/use-cases/adjust-inventory.ts'
import { createOrder } from '../../src/use-cases/create-orders.ts'
import { reservation, reserveInventory } from '../../src/use-cases/reserve-inventory.ts'
import { settleSupplierOutcomes } from '../../src/use-cases/settle-supplier-outcomes.ts'
import { transitionOrders } from '../../src/use-cases/transition-orders.ts'
import { seed } from '../support/harness.ts'

// What a run leaves, made small and by hand: then something is wrong with it, and the checks have to say what.

type Remains = { history: History; records: Map<string, SupplierRecord> }

let database: ChaosDatabase
let app: App
let closeApp: () => Promise<void>
/** Reserved from stock, from what the supplier brought, and refused by it. */
let stocked: Order
let supplied: Order
let refused: Order

beforeAll(async () => {
  database = await startDatabase()
  const supplierPolicy = {
    recheckDelayMs: 0,
    recheckLimit: 2,
    recheckFactor: 1,
    attemptsMax: 3,
    retryBaseMs: 1,
  }
  const created = await createApp({
    databaseUrl: database.url,
    logger: createLogger('silent'),
    supplierPolicy,
  })
  app = created.app
  closeApp = created.close
  await seed(app).item({ sku: 'A', available: 5 })
  stocked = await order(2, 'stocked')
  supplied = await order(9, 'supplied')
  refused = await order(8, 'refused')
  await reserveInventory(app, [stocked.id, supplied.id, refused.id])
  await settleSupplierOutcomes(app, [
    { orderId: supplied.id, step: 1, outcome: { kind: 'accepted', ref: 'r0' } },
    { orderId: refused.id, step: 1, outcome: { kind: 'refused' } },
  ])
  await settleSupplierOutcomes(app, [{ orderId: supplied.id, step: 2, outcome: { kind: 'ok' } }])
  const adjustment = { sku: 'A', delta: 3, reason: 'chaos 1', expectedAvailable: null }
  expect((await adjustInventory(app, LOCAL_OPERATOR, adjustment)).userErrors).toEqual([])
})
afterAll(async () => {
  await closeApp?.()
  await database?.remove()
})

async function order(qty: number, key: string): Promise<Order> {
  const created = await createOrder(app, LOCAL_OPERATOR, {
    sku: 'A',
    qty,
    idempotencyKey: key,
    customerId: null,
  })
  return created.order!
}

/** What clients and supplier would remember of it. */
function remember(): Remains {
  const intent = (key: string, { id, qty }: Order): Intent => ({
    ...createIntent({ key, sku: 'A', qty, expected: 'an order' }),
    ids: [id],
    version: 1,
    status: 'PENDING',
  })
  const record = ({ id, qty }: Order, plan: 'ok' | 'refused', ref: string): [string, SupplierRecord] => [
    id,
    { orderId: id, sku: 'A', qty, plan, ref, requests: 1, checks: 1 },
  ]
  const view: View = {
    orderId: supplied.id,
    connections: [
      { afterVersion: 0, known: 0, seen: [{ version: 1, status: 'PENDING' }] },
      {
        afterVersion: 0,
        known: 1,
        seen: [
          { version: 2, status: 'AWAITING_RESTOCK' },
          { version: 3, status: 'RESERVED' },
        ],
      },
    ],
    tries: 2,
    isDone: true,
  }
  return {
    history: {
      intents: [
        intent('stocked', stocked),
        intent('supplied', supplied),
        intent('refused', refused),
        { ...createIntent({ key: 'nowhere', sku: 'NOWHERE', qty: 1, expected: 'UNKNOWN_SKU' }) },
      ],
      adjustments: [{ reason: 'chaos 1', sku: 'A', delta: 3, outcome: 'done' }],
      views: [view],
    },
    records: new Map([record(supplied, 'ok', 'r0'), record(refused, 'refused', 'r1')]),
  }
}

/** Statements that end an order as one that was given up. */
function giveUp(reason: string, error: string): string {
  return `update orders set failure_reason = '${reason}' where id = '${refused.id}';
    update order_events set reason = '${reason}' where order_id = '${refused.id}' and version = 3;
    insert into dead_letters (id, order_id, task, payload, error, attempts, created_at)
    values (gen_random_uuid(), '${refused.id}', 'request-supplier', '{}', '${error}', 20, now())`
}

/** The names of the checks that find something. */
async function check({ history, records }: Remains, statements = ''): Promise<string[]> {
  const findings = new Findings()
  await database.withClient(async (client) => {
    const reader: Reader = {
      query: async (text, values) => (await client.query(text, values)).rows,
      withClient: (work) => work(client),
    }
    await client.query('begin')
    if (statements) await client.query(statements)
    await checkAll(reader, history, records, findings)
    await client.query('rollback')
  })
  return findings.violations().map((violation) => violation.check)
}

test('find nothing where nothing is wrong', async () => {
  expect(await check(remember())).toEqual([])
})

test('let an order pass that was under way at 20 deaths of a worker', async () => {
  expect(await check(remember(), giveUp('INTERNAL_ERROR', 'Its worker died 20 times'))).toEqual([])
})

describe('a fault in the database is found:', () => {
  const faults: [string, () => string, string][] = [
    [
      'a lost order',
      () => `delete from orders where id = '${stocked.id}'; delete from order_events where order_id = '${stocked.id}';
        delete from idempotency_keys where key = 'stocked'`,
      'an acknowledged order exists',
    ],
    [
      'an order of another quantity',
      () => `update orders set qty = 7 where id = '${stocked.id}'`,
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
        from inventory_movements where order_id = '${stocked.id}'`,
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
      () => `update order_events set version = 4 where order_id = '${supplied.id}' and version = 3;
        update orders set version = 4 where id = '${supplied.id}'`,
      'invariant: each event starts where the one before ended',
    ],
    [
      'a wrong reason',
      () => `update orders set failure_reason = 'SUPPLIER_FAILED' where id = '${refused.id}';
        update order_events set reason = 'SUPPLIER_FAILED' where order_id = '${refused.id}' and version = 3`,
      'an order fails for the reason it has',
    ],
    [
      'an order given up and not kept',
      () => `update orders set failure_reason = 'SUPPLIER_UNREACHABLE' where id = '${refused.id}';
        update order_events set reason = 'SUPPLIER_UNREACHABLE' where order_id = '${refused.id}' and version = 3`,
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
      () => `delete from order_events where order_id = '${refused.id}' and version = 3;
        update orders set status = 'AWAITING_RESTOCK', failure_reason = null, version = 2 where id = '${refused.id}'`,
      'an order goes from state to state as the table has it',
    ],
    [
      'an order that never ends and that nobody works on',
      () => `delete from order_events where order_id = '${refused.id}' and version = 3;
        update orders set status = 'AWAITING_RESTOCK', failure_reason = null, version = 2 where id = '${refused.id}';
        delete from graphile_worker._private_jobs`,
      'invariant: an order that is not final has the job that brings it on',
    ],
    [
      'goods that never came',
      () => `delete from inventory_movements where order_id = '${supplied.id}' and type = 'SUPPLIER_RECEIPT'`,
      'what waited for the supplier is reserved by what came in',
    ],
    [
      'stock refused that was there',
      () => `update orders set qty = 3 where id = '${refused.id}'`,
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
    expect(await check(remember(), statements())).toContain(expected)
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
      ({ history }) => history.intents[0]!.ids.push(supplied.id),
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
      ({ records }) => Object.assign(records.get(supplied.id)!, { plan: 'fail' }),
      'what came in was delivered',
    ],
    [
      'a second delivery for one order',
      ({ records }) => records.set('another key', { ...records.get(supplied.id)!, ref: 'r2' }),
      'the supplier delivers once an order',
    ],
    [
      'a supplier asked for what was in stock',
      ({ records }) =>
        records.set(stocked.id, { ...records.get(supplied.id)!, orderId: stocked.id, qty: stocked.qty }),
      'the supplier is asked when stock is short',
    ],
    [
      'a supplier asked for something else',
      ({ records }) => Object.assign(records.get(supplied.id)!, { qty: 1 }),
      'the supplier is asked for orders as they are',
    ],
  ]
  test.each(faults)('%s', async (_, spoil, expected) => {
    const remains = remember()
    spoil(remains)
    expect(await check(remains)).toContain(expected)
  })
})

test('a turn taken out of order is found', async () => {
  const { available } = (await seed(app).item({ sku: 'B', available: 1 }))!
  const older = await seed(app).order({ sku: 'B', qty: 1 })
  const newer = await seed(app).order({ sku: 'B', qty: 1 })
  await inTransaction(app, 'reserve-inventory', async (tx) => {
    await lockOrders(tx, [older.id, newer.id])
    await lockStock(tx, ['B'])
    await moveStock(tx, [reservation(newer, available - 1n)], { createdAt: app.now() })
    await transitionOrders(app, tx, [
      { order: newer, to: 'RESERVED' },
      { order: older, to: 'AWAITING_RESTOCK' },
    ])
  })
  expect(await check(remember())).toContain('stock that was there is never refused, in the order of creation')
})
