import { GroupCommit, type GroupObserver } from '../../database/group-commit.ts'
import { inTransaction, type TransactionContext } from '../../database/transaction.ts'
import type { Order } from '../../domain/orders/order.ts'
import { waitingOf } from '../../domain/orders/order-line.ts'
import { type JobTry, type OrderRef, reservationJob } from '../../domain/upkeep/jobs.ts'
import { CALLS_UNDER_WAY_MAX } from '../../limits.ts'
import { lockOrders } from '../../sql/orders/find-orders.ts'
import { queueOrders } from '../../sql/orders/waiting-queue.ts'
import { addJobs, completeJobs } from '../../sql/queue/add-jobs.ts'
import { lockStock } from '../../sql/stock/lock-stock.ts'
import type { WriteContext } from '../context.ts'
import { findEarlierRequests } from '../supplier/ask-suppliers.ts'
import { type GiveContext, giveStock } from './give-stock.ts'
import { writeChanges } from './write-changes.ts'

/** An order to reserve, the job run that asks for it, and the job's id if the job was not fetched (head start). */
export type ReservationRequest = OrderRef & { job?: JobTry; jobId?: string }

/** Group commit in which jobs share a reservation. An item is the orders of one job. */
export type ReservationGroup = GroupCommit<readonly ReservationRequest[], undefined>

export type ReserveContext = WriteContext & GiveContext

/**
 * Lines of one reservation: a transaction of about 20 ms. It has room for two of the largest jobs of orders of one line. With 200 a
 * line cost a third more, since each batch pays for its commit, its round trips and its fetch of jobs.
 */
export const RESERVE_BATCH_MAX = 2 * CALLS_UNDER_WAY_MAX
/**
 * The same where no call waits for the event loop. A backlog of one SKU is reserved 1.1 times as fast as with 600, one of 1,000 SKUs 0.9
 * to 1.0 times.
 */
export const BACKLOG_BATCH_MAX = 1_000
/** A second reservation that is smaller would cost more than it gains. */
const OVERLAP_MIN = BACKLOG_BATCH_MAX / 2
/** At most 90 jobs wait, 80 in flight and 10 head starts: never reached. */
const JOBS_WAITING_MAX = 10_000

/**
 * Makes the group of reservations: the orders of all jobs in flight are reserved together.
 *
 * @param overlaps in a backlog, to lock and read the orders of the next reservation while one is written. The next waits for the
 *   stock that both need, so the older orders are served first, unless theirs fails
 */
export function createReservationGroup(
  context: ReserveContext,
  { overlaps, ...observer }: GroupObserver & { overlaps: boolean },
): ReservationGroup {
  const reserveJobs = async (jobs: (readonly ReservationRequest[])[], onLocked: () => void) => {
    await reserveInventory(context, jobs.flat(), onLocked)
    return jobs.map(() => undefined)
  }
  return new GroupCommit(reserveJobs, {
    batchSizeMax: overlaps ? BACKLOG_BATCH_MAX : RESERVE_BATCH_MAX,
    sizeOf: (orders) => orders.reduce((size, { lines = 1 }) => size + lines, 0),
    waitingMax: JOBS_WAITING_MAX,
    ...(overlaps && { overlapMin: OVERLAP_MIN }),
    ...observer,
  })
}

/**
 * Reserves stock for the PENDING orders among `requests`, oldest first, in one transaction. An order that wants more of a line
 * than is then available waits, or fails, as it says itself. One of which a SKU's queue is being served stays PENDING, and takes
 * its turn there. Orders in another state do not change, so a repeat does nothing.
 *
 * @param onLocked called when all that the reservation needs is locked, and not if no order is PENDING
 */
export async function reserveInventory(
  context: ReserveContext,
  requests: readonly ReservationRequest[],
  onLocked?: () => void,
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
    const skus = new Set<string>()
    for (const { lines } of orders) for (const { sku } of lines) skus.add(sku)
    const [stock, earlier] = await Promise.all([lockStock(tx, [...skus]), findEarlierRequests(tx, orders)])
    onLocked?.()
    // those who wait are before them
    const isLate = ({ lines }: Order) =>
      lines.some((line) => stock.serving.has(line.sku) && waitingOf(line) > 0)
    const late = stock.serving.size > 0 ? orders.filter(isLate) : []
    const { changes, beside, at } = giveStock(context, {
      orders: late.length > 0 ? orders.filter((order) => !isLate(order)) : orders,
      stock,
      earlier,
      sourceOf: ({ id }) => sourceOf.get(id)!,
    })
    const queued = late.map(({ id }) => id)
    await Promise.all([writeChanges(tx, changes, beside, at), queueOrders(tx, queued)])
  })
}

export async function splitReservation(
  context: TransactionContext,
  orders: readonly OrderRef[],
): Promise<void> {
  const jobs = orders.map((order) => reservationJob([order]))
  await inTransaction(context, 'split-reservation', (tx) => addJobs(tx, jobs))
}
