import type { App } from '../../../src/create-app.ts'
import { inTransaction } from '../../../src/database/transaction.ts'
import { LOCAL_OPERATOR } from '../../../src/domain/caller.ts'
import { findOrder } from '../../../src/use-cases/orders/find-order.ts'
import { type BulkOptions, type BulkRow, changeMany } from '../../../src/use-cases/stock/change-many.ts'
import { seed } from '../../support/harness.ts'
import { reserveOrders } from '../../support/reserve-orders.ts'

export const DEFAULTS: BulkOptions = {
  reason: 'test',
  errorPolicy: 'ALL_OR_NOTHING',
  dryRun: false,
  onShortfall: 'REFUSE',
}

/** Changes stock by these rows, in a transaction of their own. */
export function changeRows(app: App, rows: readonly BulkRow[], options: Partial<BulkOptions> = {}) {
  return inTransaction(app, 'adjust-inventories', (tx) =>
    changeMany(app, tx, LOCAL_OPERATOR, rows, { ...DEFAULTS, ...options }),
  )
}

/** A change of A at the default location. */
export const by = (delta: number, more: Partial<BulkRow> = {}): BulkRow =>
  ({ type: 'ADJUSTMENT', sku: 'A', location: null, delta, expectedAvailable: null, ...more }) as BulkRow

/** A count of A at the default location. */
export const counted = (counted: bigint, asOf: bigint | null = null, more: Partial<BulkRow> = {}): BulkRow =>
  ({ type: 'COUNT', sku: 'A', location: null, counted, asOf, ...more }) as BulkRow

/** Places an order of one line of A, which is reserved. */
export async function reserve(app: App, qty: number, more: object = {}): Promise<string> {
  const { id } = await seed(app).order({ sku: 'A', qty, ...more })
  await reserveOrders(app, [id])
  return id
}

/** The order as it now is. */
export const readOrder = async (app: App, id: string) => (await findOrder(app, LOCAL_OPERATOR, id))!
