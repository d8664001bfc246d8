import { prepare } from '../../src/sql/statement.ts'

/** What the baselines' statements answer of an order. */
export type Order = {
  id: string
  sku: string
  qty: number
  status: string
  version: number
  createdAt: Date
  updatedAt: Date
}

/** No row comes back where the SKU is unknown. */
export const insertOrder = prepare<[id: string, sku: string, qty: number, at: Date], Order>(
  'insert-order',
  `with item as (
    select sku from items where sku = $2::text
  ), line as (
    insert into order_lines (order_id, sku, position, qty) select $1::uuid, sku, 0, $3::int from item
  )
  insert into orders (id, status, version, created_at, updated_at)
  select $1, 'PENDING', 1, $4::timestamptz, $4 from item
  returning id, $2 as sku, $3 as qty, status, version, created_at as "createdAt", updated_at as "updatedAt"`,
)

export const insertEvent = prepare<[orderId: string, at: Date]>(
  'insert-event',
  `insert into order_events (order_id, version, type, to_status, at)
  values ($1::uuid, 1, 'OrderCreated', 'PENDING', $2::timestamptz)`,
)

export const insertJob = prepare<[orderId: string]>(
  'insert-job',
  `select graphile_worker.add_job('reserve-inventory', json_build_object('orders', json_build_array(json_build_object('orderId', $1::uuid))), max_attempts := 8)`,
)
