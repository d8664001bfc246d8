import type { App } from '../app.ts'
import { inTransaction } from '../database/transaction.ts'
import type { Breach } from '../sql/find-breaches.ts'
import { insertCorrection, lockStockDrift, resetReserved } from '../sql/reconcile.ts'
import { checkInvariants } from './check-invariants.ts'
import { sweep } from './sweep.ts'

/** What the ledger's correction says of itself. */
const REASON = 'reconcile: the ledger did not add up to what is available'

/** What reconciling found, and what it mended where it was asked to. */
export type Reconciliation = { breaches: Breach[]; repairs: string[]; left: Breach[] }

/**
 * Compares ledger, counters, orders, events and jobs: every invariant, at one moment. It reads every table whole.
 *
 * With `repair`: where ledger and counter disagree, an ADJUSTMENT movement says by how much, so that the ledger adds up
 * to what is available and shows that it once did not; a reserved count follows the orders; orders without a job get one.
 * Nothing that is sold, and no order's history, is touched: what else is broken is left to people.
 */
export async function reconcile(app: App, { repair }: { repair: boolean }): Promise<Reconciliation> {
  const breaches = await checkInvariants(app)
  if (!repair || breaches.length === 0) return { breaches, repairs: [], left: breaches }

  const repairs = await inTransaction(app, 'reconcile', async (tx) => {
    const done: string[] = []
    for (const { sku, available, ledger, reserved, promised } of await lockStockDrift(tx)) {
      if (available !== ledger) {
        await insertCorrection(tx, {
          sku,
          delta: available - ledger,
          availableAfter: available,
          reason: REASON,
          at: app.now(),
        })
        done.push(`${sku}: ledger ${ledger} adjusted by ${available - ledger} to the ${available} available`)
      }
      if (reserved !== promised) {
        await resetReserved(tx, sku, promised)
        done.push(`${sku}: reserved ${reserved} set to the ${promised} of its reserved orders`)
      }
    }
    return done
  })
  const swept = await sweep(app)
  if (swept.requeued.length > 0) repairs.push(`${swept.requeued.length} orders without a job got one`)
  if (swept.buried.length > 0)
    repairs.push(`${swept.buried.length} dead jobs ended their orders, each with a dead letter`)
  return { breaches, repairs, left: await checkInvariants(app) }
}
