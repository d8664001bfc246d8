import { validate as isUuid } from 'uuid'
import type { App } from '../app.ts'
import { inTransaction, type Tx } from '../database/transaction.ts'
import { allocate } from '../domain/allocation.ts'
import { JOB_ATTEMPTS_MAX, type JobUnderWay } from '../domain/jobs.ts'
import type { Order } from '../domain/order.ts'
import { readOrigin } from '../domain/origin.ts'
import type { InventoryItem, StockChange } from '../domain/stock.ts'
import { completeJobs } from '../sql/complete-jobs.ts'
import { lockOrders } from '../sql/find-orders.ts'
import { lockStock, moveStock } from '../sql/move-stock.ts'
import { takeJobs } from '../sql/take-jobs.ts'
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
    const locked = await lockPending(tx, orderIds)
    await Promise.all([reserve(app, tx, locked), completeJobs(tx, jobIds)])
  })
}

/**
 * Does the same for the orders whose jobs have been due for longest, of those that nobody has fetched. The jobs are taken
 * out of the queue by the transaction that reserves the orders.
 *
 * @param fetched jobs whose orders are reserved with them, and which are run all the same
 * @param limit jobs that are taken
 * @param onLocked is told how many it took, once all stock is locked: whoever begins then comes after these
 * @returns how many it took: fewer than `limit` where no more are due
 * @throws where one of the orders cannot be reserved; all jobs are in the queue again
 */
export async function reserveBacklog(
  app: App,
  fetched: readonly JobUnderWay[],
  limit: number,
  onLocked: (count: number) => void = () => {},
): Promise<number> {
  const startedAtMs = performance.now()
  const taken = await inTransaction(app, 'reserve-backlog', async (tx) => {
    const payloads = await takeJobs(tx, TASK, limit)
    const taken = payloads.map(({ orderId, origin }): JobUnderWay => {
      if (!isUuid(orderId)) throw new Error('A job to reserve an order names none')
      return { task: TASK, orderId, attempt: 1, origin: readOrigin(origin) }
    })
    const jobs = [...fetched, ...taken]
    const run = async () => {
      const locked = await lockPending(
        tx,
        jobs.map(({ orderId }) => orderId),
      )
      onLocked(taken.length)
      await reserve(app, tx, locked)
    }
    for (const job of jobs) app.jobsUnderWay.begin(job)
    try {
      await (app.tracing ? app.tracing.jobs(jobs, 'reserve-backlog', run) : run())
    } finally {
      for (const job of jobs) app.jobsUnderWay.end(job)
    }
    return taken
  })
  const durationMs = performance.now() - startedAtMs
  for (const job of taken) {
    app.onJobRun({ ...job, outcome: 'done', durationMs, attemptsMax: JOB_ATTEMPTS_MAX })
  }
  return taken.length
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
