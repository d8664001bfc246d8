import { inTransaction } from '../../database/transaction.ts'
import { expire } from '../../domain/orders/verbs/expire.ts'
import { lockOrders } from '../../sql/orders/find-orders.ts'
import { lockExpired, readNextExpiry } from '../../sql/orders/holds.ts'
import { findHoldings } from '../../sql/stock/find-holdings.ts'
import { lockStock } from '../../sql/stock/lock-stock.ts'
import type { ReadContext, WriteContext } from '../context.ts'
import { writeChanges } from './write-changes.ts'

/** Holds of one transaction: it takes as long as a batch of reservations. */
export const EXPIRE_BATCH_MAX = 500

/**
 * Ends holds that have expired, by the database's clock, in one transaction: what they hold is released.
 *
 * @returns how many; EXPIRE_BATCH_MAX if there may be more
 */
export async function expireHolds(context: WriteContext): Promise<number> {
  return inTransaction(context, 'expire-holds', async (tx) => {
    const ids = await lockExpired(tx, EXPIRE_BATCH_MAX)
    if (ids.length === 0) return 0
    const [orders, holdings] = await Promise.all([lockOrders(tx, ids), findHoldings(tx, ids)])
    const stock = await lockStock(
      tx,
      holdings.map(({ sku }) => sku),
    )
    const at = context.now()
    const heldBy = Map.groupBy(holdings, ({ orderId }) => orderId)
    const changes = orders.map((order) => ({ change: expire(order, heldBy.get(order.id) ?? [], at) }))
    await writeChanges(tx, changes, { stock }, at)
    return ids.length
  })
}

/** Returns in how many milliseconds the next hold expires: 0 or less if one has; null if there is none. */
export function findNextExpiry({ pool }: ReadContext): Promise<number | null> {
  return readNextExpiry(pool)
}
