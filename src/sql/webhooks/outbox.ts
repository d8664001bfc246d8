import type { OrderEventType } from '../../domain/orders/order-status.ts'
import type { StockThreshold } from '../../domain/stock/thresholds.ts'
import { prepare, type Queryable } from '../statement.ts'

// The outbox is what is written anyway: events of orders, and movements. All have a number of one sequence, that of the ledger, so
// a webhook's place is one number (docs/decisions/0017-webhooks-read-the-outbox.md).

/** The `outbox_id` of an order event that is inserted: null unless a webhook subscribes to orders. */
export const NEXT_OUTBOX_ID = `case when exists (select from webhooks where has_order_events) then nextval('inventory_movements_id_seq') end`

/**
 * What stands at a number of the outbox. `at`: when it happened. A movement has a second place where it was known only later what it crossed: there, and
 * not at its first, it is sent with that.
 */
export type OutboxEntry =
  | { kind: 'order'; number: bigint; at: Date; orderId: string; version: number; type: OrderEventType }
  | { kind: 'movement'; number: bigint; at: Date; movementId: bigint; crossed: readonly StockThreshold[] }
  | { kind: 'crossing'; number: bigint; at: Date; movementId: bigint; crossed: readonly StockThreshold[] }

/**
 * Reads a page of the outbox, by number: what is behind `after`, up to `end`.
 *
 * @param end up to which it is final
 */
export function readOutboxPage(
  on: Queryable,
  { after, end, sizeMax }: { after: bigint; end: bigint; sizeMax: number },
): Promise<OutboxEntry[]> {
  return read(on, after, end, sizeMax)
}

const read = prepare<[after: bigint, end: bigint, sizeMax: number], OutboxEntry>(
  'read-outbox-page',
  `select * from (
    (
      select 'order' as kind, outbox_id as number, at, order_id as "orderId", version, type, null::bigint as "movementId", null::text[] as crossed
      from order_events where outbox_id > $1 and outbox_id <= $2 order by outbox_id limit $3
    )
    union all
    (
      select 'movement', id, created_at, null, null, null, id, case when crossed_id is null then coalesce(crossed::text[], '{}') else '{}' end
      from inventory_movements where id > $1 and id <= $2 order by id limit $3
    )
    union all
    (
      select 'crossing', crossed_id, created_at, null, null, null, id, coalesce(crossed::text[], '{}')
      from inventory_movements where crossed_id > $1 and crossed_id <= $2 order by crossed_id limit $3
    )
  ) as entry
  order by number limit $3`,
)
