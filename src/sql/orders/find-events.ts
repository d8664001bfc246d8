import type { EventLine, OrderEvent } from '../../domain/orders/order-event.ts'
import type { FailureReason, OrderStatus } from '../../domain/orders/order-status.ts'
import { plainArray, prepare, type Queryable } from '../statement.ts'

/** Reads since when orders have waited for their suppliers, the last time that they did, by order id. */
export async function findWaitStarts(on: Queryable, orderIds: readonly string[]): Promise<Map<string, Date>> {
  const rows = await findStarts(on, plainArray(orderIds))
  return new Map(rows.map(({ id, at }) => [id, at]))
}

const findStarts = prepare<[orderIds: string], { id: string; at: Date }>(
  'find-wait-starts',
  `select distinct on (order_events.order_id) order_events.order_id as id, order_events.at
  from unnest($1::uuid[]) as input (id)
  join order_events on order_events.order_id = input.id and order_events.type = 'OrderAwaitingRestock'
  order by order_events.order_id, order_events.version desc`,
)

/** Reads what orders gave up when they last failed, by order id. */
export async function findFailures(
  on: Queryable,
  orderIds: readonly string[],
): Promise<Map<string, readonly EventLine[]>> {
  const rows = await findFailed(on, plainArray(orderIds))
  return new Map(rows.map(({ id, lines }) => [id, lines]))
}

const findFailed = prepare<[orderIds: string], { id: string; lines: EventLine[] }>(
  'find-failures',
  `select distinct on (order_events.order_id) order_events.order_id as id, order_events.lines
  from unnest($1::uuid[]) as input (id)
  join order_events on order_events.order_id = input.id and order_events.type = 'OrderFailed'
  order by order_events.order_id, order_events.version desc`,
)

/** An event as its table has it. */
export type RecordedEvent = Pick<OrderEvent, 'type' | 'from' | 'lines'> & {
  orderId: string
  version: number
  to: OrderStatus
  reason: FailureReason | null
  at: Date
}

/** Reads the events that made versions of orders. */
export function findEventsByVersion(
  on: Queryable,
  versions: readonly { orderId: string; version: number }[],
): Promise<RecordedEvent[]> {
  return findVersions(
    on,
    plainArray(versions.map(({ orderId }) => orderId)),
    plainArray(versions.map(({ version }) => version)),
  )
}

const findVersions = prepare<[orderIds: string, versions: string], RecordedEvent>(
  'find-events-by-version',
  `select
    events.order_id as "orderId", events.version, events.type, events.from_status as "from", events.to_status as "to",
    events.reason, events.lines, events.at
  from (select distinct * from unnest($1::uuid[], $2::int[])) as wanted (order_id, version)
  join order_events as events on events.order_id = wanted.order_id and events.version = wanted.version`,
)
