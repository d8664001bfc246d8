import { inTransaction, type Tx } from '../../database/transaction.ts'
import type { Order } from '../../domain/orders/order.ts'
import { waitingOf } from '../../domain/orders/order-line.ts'
import { fail } from '../../domain/orders/verbs/fail.ts'
import { type ShortLine, shortOf } from '../../domain/stock/allocation.ts'
import { giveUp, type SupplierRequest } from '../../domain/supplier/supplier-request.ts'
import { type DeadLetter, ERROR_LENGTH_MAX } from '../../domain/upkeep/dead-letter.ts'
import { isCallAwaited, isReservationAwaited, isRestockAwaited } from '../../domain/upkeep/next-job.ts'
import { lockOrders } from '../../sql/orders/find-orders.ts'
import { findLevels } from '../../sql/stock/items.ts'
import { findHoldings } from '../../sql/stock/ledger/find-holdings.ts'
import { findAllLocations } from '../../sql/stock/locations.ts'
import { lockStock } from '../../sql/stock/lock-stock.ts'
import { findRequestsOf } from '../../sql/supplier/supplier-requests.ts'
import type { WriteContext } from '../context.ts'
import { writeChanges } from './write-changes.ts'

/**
 * Ends orders whose job has used up its attempts: FAILED with INTERNAL_ERROR, and a dead letter. What their lines hold is
 * released. An order that no longer waits for that job stays as it is, and leaves none; a supplier's request that still did is
 * over all the same.
 *
 * @returns ids of the orders that are FAILED now
 */
export function failOrders(context: WriteContext, letters: readonly DeadLetter[]): Promise<Set<string>> {
  return inTransaction(context, 'fail-orders', (tx) => failOrdersIn(context, tx, letters))
}

/** The same within a transaction of the caller. */
export async function failOrdersIn(
  { now }: Pick<WriteContext, 'now'>,
  tx: Tx,
  letters: readonly DeadLetter[],
): Promise<Set<string>> {
  const ids = [...new Set(letters.map(({ payload }) => payload.orderId))]
  if (ids.length === 0) return new Set()
  const [orders, requests, holdings] = await Promise.all([
    lockOrders(tx, ids),
    findRequestsOf(tx, ids),
    findHoldings(tx, ids),
  ])
  const stock = await lockStock(
    tx,
    holdings.map(({ sku }) => sku),
  )
  const at = now()
  const lettersOf = Map.groupBy(letters, ({ payload }) => payload.orderId)
  const requestsOf = Map.groupBy(requests, ({ orderId }) => orderId)
  const heldBy = Map.groupBy(holdings, ({ orderId }) => orderId)
  const judged = orders.map((order) =>
    judge(order, lettersOf.get(order.id) ?? [], requestsOf.get(order.id) ?? []),
  )
  const failing = judged.filter(({ deadLetter }) => deadLetter).map(({ order }) => order)
  const shortages = await findShortages(tx, failing)
  const changes = judged.flatMap(({ order, deadLetter }) => {
    if (!deadLetter) return []
    const held = heldBy.get(order.id) ?? []
    const change = fail(order, held, 'INTERNAL_ERROR', at, shortages.get(order.id) ?? [])
    return [{ change, deadLetter: readable(deadLetter) }]
  })
  const over = judged.flatMap(({ requests }) => requests.map((request) => giveUp(request, at)))
  await writeChanges(tx, changes, { stock, requests: over }, at)
  return new Set(changes.map(({ change }) => change.after.id))
}

/** What the jobs of an order that were given up end: its requests that waited for one, and itself if it waits for those. */
function judge(
  order: Order,
  letters: readonly DeadLetter[],
  requests: readonly SupplierRequest[],
): { order: Order; requests: SupplierRequest[]; deadLetter: DeadLetter | undefined } {
  const isOver = (request: SupplierRequest) => letters.some((letter) => isCallAwaited(letter, request))
  const over = requests.filter(isOver)
  const awaited = over.filter(({ sku }) => isRestockAwaited(order, sku))
  const deadLetter = letters.findLast(
    (letter) =>
      isReservationAwaited(letter, order) || awaited.some((request) => isCallAwaited(letter, request)),
  )
  return { order, requests: over, deadLetter }
}

function readable({ error, ...letter }: DeadLetter): DeadLetter {
  return { ...letter, error: error.slice(0, ERROR_LENGTH_MAX).replaceAll('\0', '') }
}

/** What orders are short of, by order id. */
export type Shortages = ReadonlyMap<string, readonly ShortLine[]>

/**
 * Finds what orders that are to fail are short of now. Their events tell it and nothing is decided by it, so stock is read and
 * not locked. Of an order that nobody has looked at yet, nothing is known to be short.
 */
export async function findShortages(tx: Tx, orders: readonly Order[]): Promise<Shortages> {
  const waiting = orders.filter(({ lookedAt }) => lookedAt)
  const skus = waiting.flatMap(({ lines }) =>
    lines.filter((line) => waitingOf(line) > 0).map(({ sku }) => sku),
  )
  if (skus.length === 0) return new Map()
  const [levels, locations] = await Promise.all([findLevels(tx, skus), findAllLocations(tx)])
  return new Map(waiting.map((order) => [order.id, shortOf(order, levels, locations)]))
}
