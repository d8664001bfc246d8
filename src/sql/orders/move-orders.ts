import type { Order } from '../../domain/orders/order.ts'
import type { OrderEventType } from '../../domain/orders/order-status.ts'
import { plainArray, prepare, type Queryable } from '../statement.ts'

/** A transition to write: the order before it, the order after it, and its event. */
export type OrderMove = { before: Order; after: Order; event: OrderEventType }

/**
 * Writes transitions, each with its event. The update carries the guard: it skips an order whose state or version is no longer
 * that of `before`.
 *
 * @returns how many orders changed
 */
export async function moveOrders(on: Queryable, moves: readonly OrderMove[], at: Date): Promise<number> {
  const [row] = await move(
    on,
    plainArray(moves.map(({ before }) => before.id)),
    plainArray(moves.map(({ before }) => before.status)),
    plainArray(moves.map(({ after }) => after.status)),
    plainArray(moves.map(({ after }) => after.failureReason)),
    plainArray(moves.map(({ after }) => after.version)),
    moves.map(({ after }) => after.supplierRef),
    plainArray(moves.map(({ after }) => after.supplierStep)),
    plainArray(moves.map(({ after }) => after.supplierAttempts)),
    plainArray(moves.map(({ after }) => after.supplierRechecks)),
    plainArray(moves.map(({ event }) => event)),
    at,
  )
  return row!.changed
}

const move = prepare<unknown[], { changed: number }>(
  'move-orders',
  `with input as (
    select *
    from unnest(
      $1::uuid[], $2::order_status[], $3::order_status[], $4::failure_reason[], $5::int[],
      $6::text[], $7::int[], $8::int[], $9::int[], $10::order_event_type[]
    ) as input (
      id, from_status, to_status, reason, version,
      supplier_ref, supplier_step, supplier_attempts, supplier_rechecks, event
    )
  ), changed as (
    update orders
    set
      status = input.to_status,
      failure_reason = input.reason,
      version = input.version,
      supplier_ref = input.supplier_ref,
      supplier_step = input.supplier_step,
      supplier_attempts = input.supplier_attempts,
      supplier_rechecks = input.supplier_rechecks,
      updated_at = $11
    from input
    where orders.id = input.id and orders.status = input.from_status and orders.version = input.version - 1
    returning input.*
  ), recorded as (
    insert into order_events (order_id, version, type, from_status, to_status, reason, at)
    select id, version, event, from_status, to_status, reason, $11 from changed
  )
  select count(*)::int as changed from changed`,
)
