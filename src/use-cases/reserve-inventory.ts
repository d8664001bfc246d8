import type { App } from '../app.ts'
import { inTransaction, type Tx } from '../database/transaction.ts'
import { allocate } from '../domain/allocation.ts'
import type { JobUnderWay } from '../domain/jobs.ts'
import type { Order } from '../domain/order.ts'
import type { InventoryItem, StockChange } from '../domain/stock.ts'
import { completeJobs } from '../sql/complete-jobs.ts'
import { lockOrders } from '../sql/find-orders.ts'
import { lockStock, moveStock } from '../sql/move-stock.ts'
import { takeJobs } from '../sql/take-jobs.ts'
import { orderPayload } from './job-payloads.ts'
import { transitionOrders } from './transition-orders.ts'

const TASK = 'reserve-inventory'

/**
 * Reserves stock for the orders among `orderIds` that are PENDING, oldest first, in one transaction. Those that want
 * more than there is when their turn comes go to the supplier. Any other order is left as it is, so that a repeat
 * does nothing.
 *
 * @param jobIds of jobs of these orders that nobody runs: they are done with this
 */
export async function reserveInventory(
  app: App,
  orderIds: readonly string[],
  jobIds: readonly string[] = [],
): Promise<void> {
  await inTransaction(app, 'reserve-inventory', async (tx) => {
    // jobs are locked before orders, and these before stock: two transactions wait for each other in turn, never in a circle
    const [, locked] = await Promise.all([completeJobs(tx, jobIds), lockPending(tx, orderIds)])
    await reserve(app, tx, locked)
  })
}

/**
 * Does the same for the orders whose jobs have been due for longest, of those that nobody has fetched and that never ran.
 * The jobs are taken out of the queue by the transaction that reserves the orders.
 *
 * @param limit jobs that are taken
 * @returns the jobs that it took: fewer than `limit` where no more are due
 * @throws where one of the orders cannot be reserved: then it took none. A commit whose reply is lost may have taken them
 */
export async function reserveBacklog(
  app: App,
  limit: number,
  { fetched = async () => [], onLocked = async () => {} }: Partial<BacklogTurn> = {},
): Promise<JobUnderWay[]> {
  let wasLocked = false
  return inTransaction(app, 'reserve-backlog', async (tx) => {
    // who comes after it waits for it, and may hold what it would need now
    if (wasLocked)
      throw new Error('A transaction of a backlog is not tried again once its orders were locked')
    const payloads = await takeJobs(tx, TASK, limit)
    const taken = payloads.map((payload) => ({ task: TASK, attempt: 1, ...orderPayload.parse(payload) }))
    const jobs = [...(await fetched()), ...taken]
    for (const job of jobs) app.jobsUnderWay.begin(job)
    try {
      const locked = await lockPending(
        tx,
        jobs.map(({ orderId }) => orderId),
      )
      wasLocked = true
      await onLocked()
      await reserve(app, tx, locked)
    } finally {
      for (const job of jobs) app.jobsUnderWay.end(job)
    }
    return taken
  })
}

/** How transactions of a backlog take their turns. */
export type BacklogTurn = {
  /** Asked when it has taken its jobs for others, whose orders are reserved with them, and which run all the same. */
  fetched: () => Promise<readonly JobUnderWay[]>
  /** Called when all orders and their stock are locked: whoever begins then comes after these. Awaited before it writes. */
  onLocked: () => Promise<void>
}

/** Orders to be reserved, oldest first, and the stock that there is of their SKUs, all locked. */
type Locked = { orders: Order[]; stock: InventoryItem[] }

async function lockPending(tx: Tx, orderIds: readonly string[]): Promise<Locked> {
  const orders = (await lockOrders(tx, orderIds)).filter((order) => order.status === 'PENDING')
  if (orders.length === 0) return { orders, stock: [] }
  return { orders, stock: await lockStock(tx, [...new Set(orders.map((order) => order.sku))]) }
}

async function reserve(app: App, tx: Tx, { orders, stock }: Locked): Promise<void> {
  const { reserved, short } = allocate(orders, stock)
  await Promise.all([
    moveStock(
      tx,
      reserved.map(({ claim, availableAfter }) => reservation(claim, availableAfter)),
      { createdAt: app.now() },
    ),
    transitionOrders(app, tx, [
      ...reserved.map(({ claim }) => ({ order: claim, to: 'RESERVED' as const })),
      ...short.map((order) => ({ order, to: 'AWAITING_RESTOCK' as const })),
    ]),
  ])
}

/** The movement by which an order takes its quantity. */
export function reservation({ id, sku, qty }: Order, availableAfter: bigint): StockChange {
  return { sku, type: 'RESERVATION', delta: -qty, availableAfter, orderId: id }
}
