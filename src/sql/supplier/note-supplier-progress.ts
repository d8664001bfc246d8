import type { Order } from '../../domain/orders/order.ts'
import { ORDER_COLUMNS, prepare, type Queryable } from '../statement.ts'

/** The progress of an order that waits for its supplier. */
export type SupplierNote = {
  id: string
  /** The step of the call that ended. The update skips an order on another step. */
  step: number
  /** A new reference; null keeps the old one. */
  ref: string | null
  attempts: number
  rechecks: number
}

/**
 * Writes the progress with the supplier, and raises the step. This is no transition: the version stays.
 *
 * @returns the orders that were on the given step, as they are now
 */
export function noteSupplierProgress(
  on: Queryable,
  notes: readonly SupplierNote[],
  at: Date,
): Promise<Order[]> {
  return note(
    on,
    notes.map((note) => note.id),
    notes.map((note) => note.step),
    notes.map((note) => note.ref),
    notes.map((note) => note.attempts),
    notes.map((note) => note.rechecks),
    at,
  )
}

const note = prepare<unknown[], Order>(
  'note-supplier-progress',
  `update orders
  set
    supplier_ref = coalesce(input.ref, orders.supplier_ref),
    supplier_attempts = input.attempts,
    supplier_rechecks = input.rechecks,
    supplier_step = orders.supplier_step + 1,
    updated_at = $6
  from unnest($1::uuid[], $2::int[], $3::text[], $4::int[], $5::int[]) as input (id, step, ref, attempts, rechecks)
  where orders.id = input.id and orders.supplier_step = input.step and orders.status = 'AWAITING_RESTOCK'
  returning ${ORDER_COLUMNS}`,
)
