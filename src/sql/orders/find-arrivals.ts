import { prepare, type Queryable } from '../statement.ts'

/**
 * Reads when orders entered a state, by order id. A version belongs to one state, and its event has the time: one index
 * look-up for each.
 */
export async function findArrivals(
  on: Queryable,
  states: readonly { orderId: string; version: number }[],
): Promise<Map<string, Date>> {
  const rows = await find(
    on,
    states.map(({ orderId }) => orderId),
    states.map(({ version }) => version),
  )
  return new Map(rows.map(({ id, at }) => [id, at]))
}

const find = prepare<[orderIds: string[], versions: number[]], { id: string; at: Date }>(
  'find-arrivals',
  `select order_events.order_id as id, order_events.at
  from unnest($1::uuid[], $2::int[]) as input (id, version)
  join order_events on order_events.order_id = input.id and order_events.version = input.version`,
)
