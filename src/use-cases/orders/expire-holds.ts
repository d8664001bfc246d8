import { inTransaction, type Tx } from '../../database/transaction.ts'
import { isUnavailable } from '../../database/unavailable.ts'
import { expire } from '../../domain/orders/verbs/expire.ts'
import { lockOrders } from '../../sql/orders/find-orders.ts'
import { type ExpiredHold, lockExpired, lockExpiredAmong, readNextExpiry } from '../../sql/orders/holds.ts'
import { findHoldings } from '../../sql/stock/ledger/find-holdings.ts'
import { lockStock } from '../../sql/stock/lock-stock.ts'
import type { ReadContext, WriteContext } from '../context.ts'
import { RESERVE_BATCH_MAX } from './reserve-inventory.ts'
import { writeChanges } from './write-changes.ts'

/** Holds of one transaction: it takes as long as a batch of reservations. */
const EXPIRE_BATCH_MAX = 500
/** Lines of one transaction: 500 holds of 100 lines each would make it last for seconds. */
const EXPIRE_LINES_MAX = RESERVE_BATCH_MAX
/** When a hold that could not be released is tried again: by then somebody may have repaired what it was for. */
const PASSED_OVER_MS = 60_000

/** Holds that could not be released, and when each is tried again, by `performance.now()`. */
export type PassedOver = Map<string, number>

/**
 * Ends holds that have expired, by the database's clock, in one transaction: what they hold is released. If that fails for
 * another reason than the database being away, the batch is halved until those at fault are alone. They are logged and passed
 * over for a while: they hold up no other.
 *
 * @param passedOver kept from call to call
 * @returns how many, and whether there may be more
 * @throws what says that the database is away or does not keep up
 */
export async function expireHolds(
  context: WriteContext,
  passedOver: PassedOver = new Map(),
): Promise<{ expired: number; mayBeMore: boolean }> {
  const nowMs = performance.now()
  for (const [id, untilMs] of passedOver) if (untilMs <= nowMs) passedOver.delete(id)
  let mayBeMore = false
  const lock = async (tx: Tx) => {
    const found = await lockExpired(tx, EXPIRE_BATCH_MAX, [...passedOver.keys()])
    const batch = upToLines(found)
    mayBeMore = found.length === EXPIRE_BATCH_MAX || batch.length < found.length
    return batch.map(({ id }) => id)
  }
  const expired = await expireBatch(context, lock, passedOver)
  return { expired, mayBeMore }
}

/** @param lock locks what has expired */
async function expireBatch(
  context: WriteContext,
  lock: (tx: Tx) => Promise<string[]>,
  passedOver: PassedOver,
): Promise<number> {
  let ids: string[] = []
  try {
    return await inTransaction(context, 'expire-holds', async (tx) => {
      ids = await lock(tx)
      if (ids.length > 0) await release(context, tx, ids)
      return ids.length
    })
  } catch (error) {
    if (ids.length === 0 || isUnavailable(error)) throw error
    if (ids.length === 1) {
      context.logger.error({ err: error, orderId: ids[0] }, 'hold cannot be released, passed over')
      passedOver.set(ids[0]!, performance.now() + PASSED_OVER_MS)
      return 0
    }
    const middle = Math.ceil(ids.length / 2)
    let expired = 0
    for (const half of [ids.slice(0, middle), ids.slice(middle)]) {
      expired += await expireBatch(context, (tx) => lockExpiredAmong(tx, half), passedOver)
    }
    return expired
  }
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
