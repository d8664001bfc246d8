import { describe, expect } from 'vitest'
import { sharedTest as test } from '../../support/fixtures.ts'
import { type OrderIds, seedEveryState } from './seed-every-state.ts'

let ids: OrderIds
test.beforeAll(async ({ app }) => {
  ids = await seedEveryState(app)
})

// what the database itself refuses, whoever asks
const refusals: [string, () => string, string][] = [
  ['stock below zero', () => `update stock_levels set available = -1`, 'stock_levels_available_check'],
  ['reserved below zero', () => `update stock_levels set reserved = -1`, 'stock_levels_reserved_check'],
  ['an item with an odd SKU', () => `insert into items values ('a b', 'x')`, 'items_sku_check'],
  ['a location with an odd code', () => `insert into locations values ('a b', 'x')`, 'locations_code_check'],
  [
    'a default location that orders do not take from',
    () => `update locations set is_active = false`,
    'locations_default_check',
  ],
  [
    'a line of nothing',
    () =>
      `update order_lines set qty = 0, reserved = 0, shipped = 0, cancelled = 0, returned = 0, queued_qty = null`,
    'order_lines_qty_check',
  ],
  [
    'a line of more than was ordered',
    () => `update order_lines set cancelled = qty + 1`,
    'order_lines_parts_check',
  ],
  [
    'more back than was shipped',
    () => `update order_lines set returned = shipped + 1`,
    'order_lines_returned_check',
  ],
  [
    'a failure without a reason',
    () => `update orders set failure_reason = null where status = 'FAILED'`,
    'orders_failure_reason_check',
  ],
  [
    'a failure that is no end',
    () => `update orders set ending = null where status = 'FAILED'`,
    'orders_ending_check',
  ],
  [
    'an end of an order in another state',
    () => `update orders set ending = 'CANCELLED' where id = '${ids.open}'`,
    'orders_ending_check',
  ],
  [
    'a second request for one line',
    () => `insert into supplier_requests select * from supplier_requests`,
    'supplier_requests_pkey',
  ],
  [
    'a request that is over and open',
    () => `update supplier_requests set ended_at = now() where state = 'ASKED'`,
    'supplier_requests_ended_at_check',
  ],
  [
    'a second movement of one kind by one version',
    () =>
      `insert into inventory_movements (
        sku, location, type, delta, reserved_delta, available_after, reserved_after, order_id, order_version, created_at
      ) values ('A', 'MAIN', 'RESERVATION', -1, 1, 1, 1, '${ids.reserved}', 2, now())`,
    'inventory_movements_transition_key',
  ],
  [
    'a movement of nothing',
    () => `update inventory_movements set delta = 0, reserved_delta = 0`,
    'inventory_movements_delta_check',
  ],
  [
    'a reservation of no order',
    () => `update inventory_movements set order_id = null where type = 'RESERVATION'`,
    'inventory_movements_order_check',
  ],
  [
    'a transfer of an order',
    () => `update inventory_movements set order_id = '${ids.shipped}' where type = 'TRANSFER_OUT'`,
    'inventory_movements_order_check',
  ],
  [
    'a key of neither an order nor anything else',
    () =>
      `insert into idempotency_keys (caller, key, verb, fingerprint, created_at) values ('c', 'k', 'v', 'f', now())`,
    'idempotency_keys_made_check',
  ],
  [
    'a second event of one version',
    () => `insert into order_events values ('${ids.open}', 1, 'OrderCreated', null, 'PENDING', null, now())`,
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
      `insert into idempotency_keys
        select 'c', 'k', 'v', 'f', gen_random_uuid(), null, now() from generate_series(1, 2)`,
    'idempotency_keys_pkey',
  ],
]

describe('the database refuses', () => {
  test.for(refusals)('%s', async ([_name, statement, constraint], { app }) => {
    await expect(app.pool.query(statement())).rejects.toMatchObject({ constraint })
  })
})
