import type { Order } from '../../src/domain/orders/order.ts'
import type { Queryable } from '../../src/sql/statement.ts'
import { EMPTY_QUEUE, type QueuedJob, readJobs } from '../support/queue.ts'
import { isInLine, type ModelJob, type ModelOrder, type ModelShipment, waitingOf } from './model-data.ts'
import type { StockModel } from './stock-model.ts'

// what the database holds, in the words of the model

/** Rows differ in no order that matters: the same comparison sorts both sides. */
export function byJson(a: object | null, b: object | null): number {
  const [left, right] = [a, b].map((one) => JSON.stringify(Object.entries(one ?? {}).sort()))
  return left! < right! ? -1 : left! > right! ? 1 : 0
}

export const EMPTY = `truncate serving, items, stock_levels, orders, order_lines, order_events, inventory_movements, supplier_requests,
    shipments, idempotency_keys, dead_letters;
  delete from locations where code <> 'MAIN';
  update locations set priority = 100;
  ${EMPTY_QUEUE}`

const ORDERS = `select json_build_object(
  'orders', (select coalesce(json_agg(row), '[]') from (
    select id, locations, if_short as "ifShort",
      case when expires_at <= clock_timestamp() then 'past' when expires_at is not null then 'running' end as hold, status, failure_reason as "failureReason", looked_at as "lookedAt", ending, version, (
      select json_agg(line order by position) from (
        select position, sku, qty, reserved, shipped, cancelled, returned from order_lines where order_id = orders.id
      ) as line
    ) as lines from orders
  ) as row),
  'queues', (select coalesce(json_agg(row), '[]') from (
    select sku, order_id as "orderId", queued_qty as qty from order_lines where queued_qty is not null
  ) as row),
  'levels', (select coalesce(json_agg(row), '[]') from (
    select sku, location, available, reserved from stock_levels where available <> 0 or reserved <> 0
  ) as row),
  'requests', (select coalesce(json_agg(row), '[]') from (
    select order_id as "orderId", sku, qty, state, ref, step, attempts, rechecks from supplier_requests
  ) as row)
) as state`

const ALL = `select json_build_object(
  'events', (select coalesce(json_agg(row), '[]') from (
    select order_id as id, version, type, from_status as from, to_status as to, reason from order_events
  ) as row),
  'movements', (select coalesce(json_agg(row), '[]') from (
    select sku, location, type, delta, reserved_delta as "reservedDelta", available_after as "availableAfter",
      reserved_after as "reservedAfter", order_id as "orderId", order_version as version
    from inventory_movements order by id
  ) as row),
  'shipments', (select coalesce(json_agg(row), '[]') from (
    select order_id as "orderId", order_version as version, location, undone_at is not null as "isUndone", (
      select json_agg(json_build_object('sku', sku, 'qty', -reserved_delta) order by sku)
      from inventory_movements where shipment_id = shipments.id and type = 'SHIPMENT'
    ) as lines from shipments
  ) as row),
  'keys', (select coalesce(json_agg(row), '[]') from (
    select caller || ' ' || key as key, verb, order_id as "orderId", array(
      select order_version || ' ' || location from shipments where id = any (shipment_ids) order by 1
    ) as shipments from idempotency_keys
  ) as row),
  'letters', (select coalesce(json_agg(row), '[]') from (
    select order_id as "orderId", task, payload ->> 'sku' as sku, (payload ->> 'step')::int as step, error, attempts,
      retried_at is not null as retried from dead_letters
  ) as row)
) as state`

export const AGE = `update idempotency_keys set created_at = now() - interval '49 hours' where caller || ' ' || key = any ($1::text[])`

/** Every order, queue of a SKU, level and request to a supplier. */
export async function readState(on: Queryable) {
  const { rows } = await on.query({ name: 'read-state', text: ORDERS })
  const { orders, queues, levels, requests } = rows[0].state
  for (const { lines } of orders) for (const line of lines) delete line.position
  return {
    orders: orders.sort(byJson),
    queues: queues.sort(byJson),
    levels: levels.sort(byJson),
    requests: requests.sort(byJson),
  }
}

/** The same of the model. */
export function stateOf(model: StockModel) {
  const levels = [...model.levels].map(([key, level]) => {
    const [sku, location] = key.split(' ')
    return { sku, location, ...level }
  })
  const queues = model.orders.filter(isInLine).flatMap(({ id: orderId, lines }) => {
    const waiting = lines.map((line) => ({ sku: line.sku, orderId, qty: waitingOf(line) }))
    return waiting.filter(({ qty }) => qty > 0)
  })
  return {
    orders: model.orders.map(visible).sort(byJson),
    queues: queues.sort(byJson),
    levels: levels.filter(({ available, reserved }) => available !== 0 || reserved !== 0).sort(byJson),
    requests: model.requests.map((request) => ({ ...request })).sort(byJson),
  }
}

/** All that is not in the state: events, the ledger of each level, shipments, jobs, keys and dead letters. */
export async function readAll(on: Queryable) {
  const { rows } = await on.query({ name: 'read-all', text: ALL })
  const jobs = (await readJobs(on)).map(fromJob)
  const { events, movements, shipments, keys, letters } = rows[0].state
  return {
    events: events.sort(byJson),
    movements: byLevel(movements),
    shipments: shipments.sort(byJson),
    jobs: jobs.sort(byJson),
    keys: keys.sort(byJson),
    letters: letters.sort(byJson),
  }
}

/** The same of the model. */
export function allOf(model: StockModel) {
  return {
    events: model.orders
      .flatMap(({ id, events }) => events.map((event, index) => ({ id, version: index + 1, ...event })))
      .sort(byJson),
    movements: byLevel(model.ledger.map(({ qty, ...movement }) => movement)),
    shipments: model.shipments.map((shipment) => ({ ...shipment })).sort(byJson),
    jobs: model.jobs.map((job) => ({ ...job })).sort(byJson),
    keys: [...model.keys]
      .map(([key, { verb, orderId, shipments }]) => {
        const made = shipments.map(({ version, location }) => `${version} ${location}`).sort()
        return { key, verb, orderId, shipments: made }
      })
      .sort(byJson),
    letters: model.letters.map((letter) => ({ ...letter })).sort(byJson),
  }
}

/** At each level in their true order; across levels there is none. */
function byLevel(movements: readonly { sku: string; location: string }[]) {
  return Object.fromEntries(Map.groupBy(movements, ({ sku, location }) => `${sku} ${location}`))
}

/** Every dead letter with its order, oldest first. */
export async function readLetterIds(on: Queryable): Promise<{ id: string; orderId: string }[]> {
  return (await on.query('select id, order_id as "orderId" from dead_letters order by id')).rows
}

/** The id of a shipment of the model; undefined where there is none. */
export async function findShipmentId(
  on: Queryable,
  { orderId, version, location }: Pick<ModelShipment, 'orderId' | 'version' | 'location'>,
): Promise<string | undefined> {
  const text = 'select id from shipments where order_id = $1 and order_version = $2 and location = $3'
  return (await on.query({ text, values: [orderId, version, location] })).rows[0]?.id
}

/** The id of the n-th movement of a level, as text; `0` for before any, and one that is not there where there are not so many. */
export async function findMovementId(
  on: Queryable,
  sku: string,
  location: string,
  n: number,
): Promise<string> {
  if (n === 0) return '0'
  const text =
    'select id::text from inventory_movements where sku = $1 and location = $2 order by id offset $3 limit 1'
  return (await on.query({ text, values: [sku, location, n - 1] })).rows[0]?.id ?? '999999999'
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

function fromJob({ task, orderIds, step, delayMs, payload }: QueuedJob): ModelJob {
  return { task, orderIds, sku: payload.sku ?? null, step, delayMs }
}

/** An order without its past, which is compared in the end. */
export function visible({ events, gaveUp, ...order }: ModelOrder): Omit<ModelOrder, 'events' | 'gaveUp'> {
  return order
}

export function fromOrder(order: Order): ReturnType<typeof visible> {
  const { id, locations, ifShort, expiresAt, lines, status, failureReason, lookedAt, ending, version } = order
  const isPast = expiresAt !== null && expiresAt <= new Date()
  return {
    id,
    locations: locations && [...locations],
    ifShort,
    hold: isPast ? 'past' : expiresAt && 'running',
    lines: lines.map(({ sku, qty, reserved, shipped, cancelled, returned }) => {
      return { sku, qty, reserved, shipped, cancelled, returned }
    }),
    status,
    failureReason,
    lookedAt,
    ending,
    version,
  }
}
