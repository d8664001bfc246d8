import { inTransaction, type Tx } from '../../database/transaction.ts'
import { expire } from '../../domain/orders/verbs/expire.ts'
import { lockOrders } from '../../sql/orders/find-orders.ts'
import { type ExpiredHold, lockExpired, lockExpiredAmong, readNextExpiry } from '../../sql/orders/holds.ts'
import { findHoldings } from '../../sql/stock/ledger/find-holdings.ts'
import { lockStock } from '../../sql/stock/lock-stock.ts'
import type { ReadContext, WriteContext } from '../context.ts'
import { inHalves, type PassedOver, stillPassedOver } from '../in-halves.ts'
import { RESERVE_BATCH_MAX } from './reserve-inventory.ts'
import { writeChanges } from './write-changes.ts'

/** Holds of one transaction: it takes as long as a batch of reservations. */
const EXPIRE_BATCH_MAX = 500
/** Lines of one transaction: 500 holds of 100 lines each would make it last for seconds. */
const EXPIRE_LINES_MAX = RESERVE_BATCH_MAX
/**
 * Ends holds that have expired, by the database's clock, in one transaction: what they hold is released. One that cannot be released
 * is logged and passed over for a while: it holds up no other.
 *
 * @param passedOver holds, kept from call to call
 * @returns how many, and whether there may be more
 * @throws what says that the database is away or does not keep up
 */
export async function expireHolds(
  context: WriteContext,
  passedOver: PassedOver = new Map(),
): Promise<{ expired: number; mayBeMore: boolean }> {
  const out = stillPassedOver(passedOver)
  let mayBeMore = false
  const lockNext = async (tx: Tx) => {
    const found = await lockExpired(tx, EXPIRE_BATCH_MAX, out)
    const batch = upToLines(found)
    mayBeMore = found.length === EXPIRE_BATCH_MAX || batch.length < found.length
    return batch.map(({ id }) => id)
  }
  const counts = await inHalves(
    (among, onLocked) =>
      inTransaction(context, 'expire-holds', async (tx) => {
        const ids = among === null ? await lockNext(tx) : await lockExpiredAmong(tx, among)
        onLocked(ids)
        if (ids.length > 0) await release(context, tx, ids)
        return ids.length
      }),
    passedOver,
    (orderId, err) => context.logger.error({ err, orderId }, 'hold cannot be released, passed over'),
  )
  return { expired: counts.reduce((sum, count) => sum + count, 0), mayBeMore }
}

async function release(context: WriteContext, tx: Tx, ids: readonly string[]): Promise<void> {
  const [orders, holdings] = await Promise.all([lockOrders(tx, ids), findHoldings(tx, ids)])
  const stock = await lockStock(
    tx,
    holdings.map(({ sku }) => sku),
  )
  const at = context.now()
  const heldBy = Map.groupBy(holdings, ({ orderId }) => orderId)
  const changes = orders.map((order) => ({ change: expire(order, heldBy.get(order.id) ?? [], at) }))
  await writeChanges(tx, changes, { stock }, at)
}

/** Those at the beginning that have no more lines together than a batch may. */
function upToLines(holds: readonly ExpiredHold[]): readonly ExpiredHold[] {
  let total = 0
  const end = holds.findIndex(({ lines }) => {
    total += lines
    return total > EXPIRE_LINES_MAX
  })
  return end === -1 ? holds : holds.slice(0, end)
}

/** Returns in how many milliseconds the next hold expires: 0 or less if one has; null if there is none. */
export function findNextExpiry({ pool }: ReadContext): Promise<number | null> {
  return readNextExpiry(pool)
}
