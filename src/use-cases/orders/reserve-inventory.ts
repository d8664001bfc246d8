import { GroupCommit, type GroupObserver } from '../../database/group-commit.ts'
import { inTransaction, type TransactionContext } from '../../database/transaction.ts'
import type { Order } from '../../domain/orders/order.ts'
import { allocate } from '../../domain/stock/allocation.ts'
import type { StockChange } from '../../domain/stock/stock.ts'
import { type JobTry, type OrderRef, reservationJob } from '../../domain/upkeep/jobs.ts'
import { lockOrders } from '../../sql/orders/find-orders.ts'
import { addJobs, completeJobs } from '../../sql/queue/add-jobs.ts'
import { lockStock, moveStock } from '../../sql/stock/move-stock.ts'
import type { WriteContext } from '../context.ts'
import { transitionOrders } from './transition-orders.ts'

/** An order to reserve, the job run that asks for it, and the job's id if the job was not fetched (head start). */
export type ReservationRequest = OrderRef & { job?: JobTry; jobId?: string }

/** Group commit in which jobs share a reservation. An item is the orders of one job. */
export type ReservationGroup = GroupCommit<readonly ReservationRequest[], undefined>

/**
 * Orders of one reservation: a transaction of about 30 ms. With 200 an order cost a third more, since each batch pays for its
 * commit, its round trips and its fetch of jobs.
 */
export const RESERVE_BATCH_MAX = 1_000
/** At most 40 jobs wait, 30 in flight and 10 head starts: never reached. */
const JOBS_WAITING_MAX = 10_000

/** Makes the group of reservations: the orders of all jobs in flight are reserved together. */
export function createReservationGroup(context: WriteContext, observer: GroupObserver): ReservationGroup {
  const reserve = async (jobs: (readonly ReservationRequest[])[]) => {
    await reserveInventory(context, jobs.flat())
    return jobs.map(() => undefined)
  }
  return new GroupCommit(reserve, {
    batchSizeMax: RESERVE_BATCH_MAX,
    sizeOf: (orders) => orders.length,
    waitingMax: JOBS_WAITING_MAX,
    ...observer,
  })
}

/**
 * Reserves stock for the PENDING orders among `requests`, oldest first, in one transaction. An order that wants more than is
 * then available becomes AWAITING_RESTOCK. Orders in another state do not change, so a repeat does nothing.
 */
export async function reserveInventory(
  context: WriteContext,
  requests: readonly ReservationRequest[],
): Promise<void> {
  const sourceOf = new Map(requests.map(({ orderId, origin, job }) => [orderId, { origin, job }]))
  await inTransaction(context, 'reserve-inventory', async (tx) => {
    // jobs are locked before orders, and orders before stock: transactions queue up and never deadlock
    const jobIds = new Set(requests.flatMap(({ jobId }) => jobId ?? []))
    const [, locked] = await Promise.all([
      completeJobs(tx, [...jobIds]),
      lockOrders(tx, [...sourceOf.keys()]),
    ])
    const orders = locked.filter(({ status }) => status === 'PENDING')
    if (orders.length === 0) return
    const stock = await lockStock(tx, [...new Set(orders.map(({ sku }) => sku))])
    const { reserved, short } = allocate(orders, stock)
    await Promise.all([
      moveStock(
        tx,
        reserved.map(({ claim, availableAfter }) => reservation(claim, availableAfter)),
        { createdAt: context.now() },
      ),
      transitionOrders(context, tx, [
        ...reserved.map(({ claim: order }) => ({
          order,
          to: 'RESERVED' as const,
          ...sourceOf.get(order.id),
        })),
        ...short.map((order) => ({ order, to: 'AWAITING_RESTOCK' as const, ...sourceOf.get(order.id) })),
      ]),
    ])
  })
}

export async function splitReservation(
  context: TransactionContext,
  orders: readonly OrderRef[],
): Promise<void> {
  const jobs = orders.map((order) => reservationJob([order]))
  await inTransaction(context, 'split-reservation', (tx) => addJobs(tx, jobs))
}

export function reservation({ id, sku, qty }: Order, availableAfter: bigint): StockChange {
  return { sku, type: 'RESERVATION', delta: -qty, availableAfter, orderId: id }
}
