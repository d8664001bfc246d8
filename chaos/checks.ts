import { findBreaches } from '../src/sql/upkeep/find-breaches.ts'
import { checkClaims } from './check-claims.ts'
import { checkDeeds } from './check-deeds.ts'
import { checkKeeping } from './check-keeping.ts'
import { checkLives } from './check-lives.ts'
import { checkStock } from './check-stock.ts'
import { checkStreams } from './check-streams.ts'
import { checkSupplier } from './check-supplier.ts'
import { checkTurns } from './check-turns.ts'
import { checkUnreserved } from './check-unreserved.ts'
import { checkViews } from './check-views.ts'
import type { Reader } from './database.ts'
import { readFinalOrders } from './final-orders.ts'
import type { Findings } from './findings.ts'
import type { History } from './history.ts'
import type { SupplierRecord } from './hostile-supplier.ts'

/**
 * Checks the invariants of the design on a database that has come to rest: by SQL, and against what the clients and the
 * supplier know. Each violation goes to `findings`.
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
  for (const { sku } of await database.query<{ sku: string }>('select sku from serving')) {
    findings.violate('every queue is served to its end', sku, 'it is still marked')
  }
  const orders = await readFinalOrders(database)
  const all = [...orders.values()]
  findings.count('orders', all.length)
  findings.count('orders of several lines', all.filter(({ lines }) => lines.length > 1).length)
  for (const { status, reason } of all) findings.count(`orders ${status} ${reason ?? ''}`.trim())
  await checkClaims(database, history, orders, findings)
  await checkDeeds(database, history, orders, findings)
  checkLives(orders, findings)
  checkSupplier(supplierRecords, orders, findings)
  await checkStock(database, history, orders, findings)
  await checkKeeping(database, history, findings)
  checkUnreserved(history, orders, findings)
  checkViews(history, orders, findings)
  await checkStreams(database, history, findings)
  await checkTurns(database, history, findings)
}
