import { findBreaches } from '../src/sql/upkeep/find-breaches.ts'
import { checkClaims } from './check-claims.ts'
import { checkLives } from './check-lives.ts'
import { checkSupplier } from './check-supplier.ts'
import { checkTurns } from './check-turns.ts'
import { checkViews } from './check-views.ts'
import type { ChaosDatabase } from './database.ts'
import type { Findings } from './findings.ts'
import type { History } from './history.ts'
import type { SupplierRecord } from './hostile-supplier.ts'

/** Reads the database under test, which has come to rest. */
export type Reader = Pick<ChaosDatabase, 'query' | 'withClient'>

/** An order as the database has it at the end. */
export type FinalOrder = {
  id: string
  sku: string
  qty: number
  status: string
  version: number
  reason: string | null
  ref: string | null
  /** Whether a supplier's goods came in for it. */
  isBrought: boolean
  /** The error of its dead letter. */
  deadLetter: string | null
  /** By its events, oldest first. */
  statuses: string[]
  /** From its first event to its last, by the database's clock. */
  lifeSeconds: number
  /** How far the processes' clocks were from the database's when they wrote its events, at most. */
  clockOffSeconds: number
}

const ORDERS = `select orders.id::text, orders.sku, orders.qty, orders.status::text, orders.version,
    orders.failure_reason::text as reason, orders.supplier_ref as ref,
    exists (
      select from inventory_movements as moved where moved.order_id = orders.id and moved.type = 'SUPPLIER_RECEIPT'
    ) as "isBrought",
    (
      select error from dead_letters where dead_letters.order_id = orders.id order by created_at desc limit 1
    ) as "deadLetter",
    coalesce(history.statuses, '{}') as statuses,
    coalesce(history.seconds, 0)::float8 as "lifeSeconds",
    coalesce(history.off, 0)::float8 as "clockOffSeconds"
  from orders, lateral (
    select
      array_agg(to_status::text order by version) as statuses,
      extract(epoch from max(pg_xact_commit_timestamp(xmin)) - min(pg_xact_commit_timestamp(xmin))) as seconds,
      max(abs(extract(epoch from at - pg_xact_commit_timestamp(xmin)))) as off
    from order_events where order_id = orders.id
  ) as history`

/**
 * Checks all ten invariants of the design on a database that has come to rest: by SQL, and against what the clients and
 * the supplier know. Each violation goes to `findings`.
 */
export async function checkAll(
  database: Reader,
  history: History,
  supplierRecords: ReadonlyMap<string, SupplierRecord>,
  findings: Findings,
): Promise<void> {
  for (const { invariant, subject, detail } of await database.withClient(findBreaches)) {
    findings.violate(`invariant: ${invariant}`, subject, detail)
  }
  const rows = await database.query<FinalOrder>(ORDERS)
  const orders = new Map(rows.map((row) => [row.id, row]))
  findings.count('orders', orders.size)
  for (const { status, reason } of rows) findings.count(`orders ${status} ${reason ?? ''}`.trim())
  await checkClaims(database, history, orders, findings)
  checkLives(orders, findings)
  checkSupplier(supplierRecords, orders, findings)
  checkViews(history, orders, findings)
  await checkTurns(database, findings)
}
