import type { Order } from '../domain/order.ts'
import type { FailureReason, OrderEventType, OrderStatus } from '../domain/order-status.ts'
import { ORDER_COLUMNS, prepare, type Queryable } from './statement.ts'

/** A transition to be written for an order that is in state `from` at `version`. */
export type OrderMove = {
  id: string
  from: OrderStatus
  to: OrderStatus
  reason: FailureReason | null
  version: number
  event: OrderEventType
}

/**
 * Writes transitions, each with its event. The update carries the guard itself: an order that is no longer where the
 * move starts from is left alone and not returned.
 *
 * An order that starts to wait for its supplier does so on a step of its own and with nothing known: calls that were
 * scheduled before do nothing any more.
 */
export function moveOrders(on: Queryable, moves: readonly OrderMove[], at: Date): Promise<Order[]> {
  return move(on, [
    moves.map((move) => move.id),
    moves.map((move) => move.from),
    moves.map((move) => move.to),
    moves.map((move) => move.reason),
    moves.map((move) => move.version),
    moves.map((move) => move.event),
    at,
  ])
}

const move = prepare<Order>(
  'move-orders',
  `with input as (
    select *
    from unnest($1::uuid[], $2::order_status[], $3::order_status[], $4::failure_reason[], $5::int[], $6::order_event_type[])
      as input (id, from_status, to_status, reason, version, event)
  ), moved as (
    update orders
    set
      status = input.to_status,
      failure_reason = input.reason,
      version = orders.version + 1,
      updated_at = $7,
      supplier_ref = case when input.event = 'OrderAwaitingRestock' then null else orders.supplier_ref end,
      supplier_step = orders.supplier_step + (input.event = 'OrderAwaitingRestock')::int,
      supplier_attempts = case when input.event = 'OrderAwaitingRestock' then 0 else orders.supplier_attempts end,
      supplier_rechecks = case when input.event = 'OrderAwaitingRestock' then 0 else orders.supplier_rechecks end
    from input
    where orders.id = input.id and orders.status = input.from_status and orders.version = input.version
    returning orders.*, input.from_status, input.event
  ), recorded as (
    insert into order_events (order_id, version, type, from_status, to_status, reason, at)
    select id, version, event, from_status, status, failure_reason, $7 from moved
  )
  select ${ORDER_COLUMNS} from moved as orders`,
)
