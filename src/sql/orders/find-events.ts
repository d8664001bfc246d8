import type { EventLine } from '../../domain/orders/order.ts'
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
