import type { Order } from '../../domain/orders/order.ts'
import { ORDER_COLUMNS, prepare, type Queryable } from '../statement.ts'

/** What to note of an order that waits for its supplier, before its next call is enqueued. */
export type SupplierNote = {
  id: string
  /** The step that the call which ended was on: a note of another finds nothing to change. */
  step: number
  /** A newly learnt reference, or null to keep what there is. */
  ref: string | null
  attempts: number
  rechecks: number
}

/**
 * Notes where the talk with the supplier stands and opens the next step. No transition: the version stays.
 *
 * @returns the orders that were on the step the note is of, now on their next
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
