import type { Order } from '../../src/domain/orders/order.ts'
import type { Queryable } from '../../src/sql/statement.ts'
import { EMPTY_QUEUE, type QueuedJob, readJobs } from '../support/queue.ts'
import type { ModelJob, ModelOrder } from './stock-model.ts'

// what the database holds, in the words of the model

/** Orders differ in no order that matters: the same comparison sorts both sides. */
export function byJson(a: object | null, b: object | null): number {
  const [left, right] = [a, b].map((one) => JSON.stringify(Object.entries(one ?? {}).sort()))
  return left! < right! ? -1 : left! > right! ? 1 : 0
}

export const EMPTY = `truncate inventory_items, orders, order_events, inventory_movements, idempotency_keys, dead_letters;
  ${EMPTY_QUEUE}`

const ORDERS = `select json_build_object(
  'orders', (select coalesce(json_agg(row), '[]') from (
    select id, sku, qty, status, failure_reason as "failureReason", version, supplier_ref as ref,
      supplier_step as step, supplier_attempts as attempts, supplier_rechecks as rechecks from orders
  ) as row),
  'items', (select json_agg(row order by row.sku) from (select sku, available, reserved from inventory_items) as row)
) as state`

const ALL = `select json_build_object(
  'events', (select coalesce(json_agg(row), '[]') from (
    select order_id as id, version, type, from_status as from, to_status as to, reason from order_events
  ) as row),
  'movements', (select coalesce(json_agg(row), '[]') from (
    select sku, type, delta, available_after as after, order_id as "orderId" from inventory_movements order by id
  ) as row),
  'keys', (select coalesce(json_agg(row), '[]') from (
    select caller || ' ' || key as key, order_id as "orderId" from idempotency_keys
  ) as row),
  'letters', (select coalesce(json_agg(row), '[]') from (
    select order_id as "orderId", task, (payload ->> 'step')::int as step, error, attempts,
      retried_at is not null as retried from dead_letters
  ) as row)
) as state`

export const AGE = `update idempotency_keys set created_at = now() - interval '49 hours' where caller || ' ' || key = any ($1::text[])`

/** Every order and every item. */
export async function readOrders(on: Queryable) {
  const { rows } = await on.query({ name: 'read-orders', text: ORDERS })
  const { orders, items } = rows[0].state
  return { orders: orders.sort(byJson), items }
}

/** All that orders and items are not: events, ledger per SKU, jobs, keys and dead letters. */
export async function readAll(on: Queryable) {
  const { rows } = await on.query({ name: 'read-all', text: ALL })
  const jobs = (await readJobs(on)).map(fromJob)
  const { events, movements, keys, letters } = rows[0].state
  const bySku = Map.groupBy(movements as { sku: string }[], ({ sku }) => sku)
  return {
    events: events.sort(byJson),
    movements: Object.fromEntries(bySku),
    jobs: jobs.sort(byJson),
    keys: keys.sort(byJson),
    letters: letters.sort(byJson),
  }
}

/** Every dead letter with its order, oldest first. */
export async function readLetterIds(on: Queryable): Promise<{ id: string; orderId: string }[]> {
  return (await on.query('select id, order_id as "orderId" from dead_letters order by id')).rows
}

/** The ids that jobs of the model have in the queue. Of two that are the same, the older comes first. */
export async function findJobIds(on: Queryable, jobs: readonly ModelJob[]): Promise<string[]> {
  if (jobs.length === 0) return []
  const queued = await readJobs(on)
  return jobs.map((job) => {
    const index = queued.findIndex((one) => byJson(fromJob(one), job) === 0)
    if (index < 0) throw new Error(`the queue lacks ${JSON.stringify(job)}`)
    return queued.splice(index, 1)[0]!.id
  })
}

function fromJob({ task, orderIds, step, delayMs }: QueuedJob): ModelJob {
  return { task, orderIds, step, delayMs }
}

/** An order without its events, which are compared in the end. */
export function visible({ events, ...order }: ModelOrder): Omit<ModelOrder, 'events'> {
  return order
}

export function fromOrder(order: Order): ModelOrder {
  const { id, sku, qty, status, failureReason, version } = order
  const {
    supplierRef: ref,
    supplierStep: step,
    supplierAttempts: attempts,
    supplierRechecks: rechecks,
  } = order
  return { id, sku, qty, status, failureReason, version, ref, step, attempts, rechecks, events: [] }
}
