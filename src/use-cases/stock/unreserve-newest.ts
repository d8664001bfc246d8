import { rollBackUnlessDone, type Tx } from '../../database/transaction.ts'
import { CallError } from '../../domain/errors.ts'
import type { Order } from '../../domain/orders/order.ts'
import type { OrderChange } from '../../domain/orders/order-change.ts'
import { unreserve } from '../../domain/orders/verbs/unreserve.ts'
import type { OnShortfall, planChanges, Shortfall } from '../../domain/stock/plan-changes.ts'
import type { StockLevel } from '../../domain/stock/stock.ts'
import { findOrders, lockFreeOrders, lockOrders } from '../../sql/orders/find-orders.ts'
import { findHoldings } from '../../sql/stock/ledger/find-holdings.ts'
import { findNewestHolders, type Promised } from '../../sql/stock/ledger/find-newest-holders.ts'
import { type LevelKey, type LockedStock, lockStock } from '../../sql/stock/lock-stock.ts'

/** Orders that one transaction sends back to waiting: about a second, for which their stock is locked. */
const UNRESERVED_MAX = 10_000
/** A try fails only if somebody else has just locked one of the orders, and waits for the stock that we hold. */
const LOCK_TRIES_MAX = 5

export type Plan = ReturnType<typeof planChanges>

/** What is locked: the stock, and the orders that hold promises which are to be taken back. */
export type Locked = {
  plan: Plan
  stock: LockedStock
  orders: readonly Order[]
  holders: readonly Promised[]
}

/** `entered`: levels that are made if they do not exist. `replan`: plans the changes with the levels as they are under the lock. */
type Wanted = {
  skus: Iterable<string>
  entered: readonly LevelKey[]
  replan: (levels: readonly StockLevel[]) => Promise<Plan>
}

/**
 * Locks stock and plans its changes. If these leave less than is promised, locks the newest orders that hold it: while we hold
 * the stock none is reserved after them. Everybody else locks orders before stock, so we wait for no order with stock in hand:
 * if one is taken we give up the stock, and lock those orders first.
 *
 * @throws {CallError} BAD_USER_INPUT for more than UNRESERVED_MAX orders; UNAVAILABLE after LOCK_TRIES_MAX tries
 */
export async function lockAndPlan(
  tx: Tx,
  wanted: Wanted,
  { onShortfall }: { onShortfall: OnShortfall },
): Promise<Locked> {
  if (onShortfall === 'REFUSE') return { ...(await lockStockAndPlan(tx, wanted)), orders: [], holders: [] }
  let first: string[] = []
  for (let tries = 0; tries < LOCK_TRIES_MAX; tries++) {
    const locked = await rollBackUnlessDone(tx, async () => {
      if (first.length > 0) await lockOrders(tx, first)
      const { plan, stock } = await lockStockAndPlan(tx, wanted)
      const holders = await findHolders(tx, plan.shortfalls)
      const ids = idsOf(holders)
      const isLocked = ids.length === 0 || (await lockFreeOrders(tx, ids)).length === ids.length
      first = ids
      return isLocked ? { plan, stock, holders } : null
    })
    if (locked) return { ...locked, orders: first.length > 0 ? await lockOrders(tx, first) : [] }
  }
  throw new CallError('UNAVAILABLE', 'Other calls keep changing the orders of this stock: try again')
}

async function lockStockAndPlan(
  tx: Tx,
  { skus, entered, replan }: Wanted,
): Promise<{ plan: Plan; stock: LockedStock }> {
  const stock = await lockStock(tx, skus, entered)
  return { plan: await replan(stock.levels), stock }
}

/** Takes promises back from locked orders. @returns one change for each order */
export async function unreserveOrders(
  tx: Tx,
  { orders, holders }: Pick<Locked, 'orders' | 'holders'>,
  at: Date,
): Promise<OrderChange[]> {
  if (orders.length === 0) return []
  const holdings = Map.groupBy(
    await findHoldings(
      tx,
      orders.map(({ id }) => id),
    ),
    ({ orderId }) => orderId,
  )
  const promises = Map.groupBy(holders, ({ orderId }) => orderId)
  return orders.map((order) => {
    const skus = new Set(promises.get(order.id)!.map(({ sku }) => sku))
    const held = holdings.get(order.id)!.filter(({ sku }) => skus.has(sku))
    const released = held.map(({ sku, location, qty }) => ({ sku, location, qty }))
    return unreserve(order, released, at)
  })
}

/**
 * Returns the orders that shortfalls would send back to waiting, as they are.
 *
 * @throws {CallError} BAD_USER_INPUT for more than UNRESERVED_MAX
 */
export async function findUnreserved(tx: Tx, shortfalls: readonly Shortfall[]): Promise<Order[]> {
  const holders = await findHolders(tx, shortfalls)
  return holders.length > 0 ? findOrders(tx, idsOf(holders)) : []
}

async function findHolders(tx: Tx, shortfalls: readonly Shortfall[]): Promise<Promised[]> {
  const holders = await findNewestHolders(tx, shortfalls, UNRESERVED_MAX + 1)
  if (idsOf(holders).length <= UNRESERVED_MAX) return holders
  const message = `More than ${UNRESERVED_MAX} orders would wait again: split the shortfall into several calls`
  throw new CallError('BAD_USER_INPUT', message)
}

function idsOf(promises: readonly Promised[]): string[] {
  return [...new Set(promises.map(({ orderId }) => orderId))]
}
