import { GroupCommit, type GroupObserver } from '../../database/group-commit.ts'
import { inTransaction, type TransactionContext } from '../../database/transaction.ts'
import type { Order } from '../../domain/orders/order.ts'
import { fail } from '../../domain/orders/verbs/fail.ts'
import { reserve } from '../../domain/orders/verbs/reserve.ts'
import { type Allocated, type AllocationStrategy, allocate } from '../../domain/stock/allocation.ts'
import type { DeadLetter } from '../../domain/upkeep/dead-letter.ts'
import { type JobTry, type OrderRef, reservationJob } from '../../domain/upkeep/jobs.ts'
import { supplierJob } from '../../domain/upkeep/next-job.ts'
import { lockOrders } from '../../sql/orders/find-orders.ts'
import { addJobs, completeJobs } from '../../sql/queue/add-jobs.ts'
import { lockStock } from '../../sql/stock/lock-stock.ts'
import type { WriteContext } from '../context.ts'
import {
  askSuppliers,
  type EarlierRequests,
  findDelivered,
  findEarlierRequests,
} from '../supplier/ask-suppliers.ts'
import { type SourcedChange, writeChanges } from './write-changes.ts'

/** An order to reserve, the job run that asks for it, and the job's id if the job was not fetched (head start). */
export type ReservationRequest = OrderRef & { job?: JobTry; jobId?: string }

/** Group commit in which jobs share a reservation. An item is the orders of one job. */
export type ReservationGroup = GroupCommit<readonly ReservationRequest[], undefined>

export type ReserveContext = WriteContext & { allocationStrategy: AllocationStrategy }

/**
 * Lines of one reservation: a transaction of about 30 ms. With 200 a line cost a third more, since each batch pays for its
 * commit, its round trips and its fetch of jobs.
 */
export const RESERVE_BATCH_MAX = 1_000
/** At most 40 jobs wait, 30 in flight and 10 head starts: never reached. */
const JOBS_WAITING_MAX = 10_000

/** Makes the group of reservations: the orders of all jobs in flight are reserved together. */
export function createReservationGroup(context: ReserveContext, observer: GroupObserver): ReservationGroup {
  const reserveJobs = async (jobs: (readonly ReservationRequest[])[]) => {
    await reserveInventory(context, jobs.flat())
    return jobs.map(() => undefined)
  }
  return new GroupCommit(reserveJobs, {
    batchSizeMax: RESERVE_BATCH_MAX,
    sizeOf: (orders) => orders.reduce((size, { lines = 1 }) => size + lines, 0),
    waitingMax: JOBS_WAITING_MAX,
    ...observer,
  })
}

/**
 * Reserves stock for the PENDING orders among `requests`, oldest first, in one transaction. An order that wants more of a line
 * than is then available becomes AWAITING_RESTOCK: what is available is held for it, and suppliers are asked for the rest.
 * Orders in another state do not change, so a repeat does nothing.
 */
export async function reserveInventory(
  context: ReserveContext,
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
    const skus = new Set<string>()
    for (const { lines } of orders) for (const { sku } of lines) skus.add(sku)
    const [{ levels, locations }, earlier] = await Promise.all([
      lockStock(tx, [...skus]),
      findEarlierRequests(tx, orders),
    ])
    const at = context.now()
    const { allocated, givenUp } = allocateAndGiveUp(
      orders,
      (claims) => allocate(claims, levels, locations, context.allocationStrategy),
      (one) => giveUp(one, earlier, sourceOf.get(one.order.id)!, at),
    )
    const asked = allocated.filter(isShort).flatMap((one) => askSuppliers(one, earlier, at))
    const jobs = asked.map((request) => supplierJob(request, sourceOf.get(request.orderId)!.origin))
    const reserved = allocated.map((one) => {
      const { origin, job } = sourceOf.get(one.order.id)!
      return { change: reserve(one, at), origin, job }
    })
    await writeChanges(tx, [...reserved, ...givenUp], { levels, requests: asked, jobs }, at)
  })
}

/** Allocates until nobody is left to give up. What they would have taken goes to others, of whom then others may be short. */
function allocateAndGiveUp(
  orders: readonly Order[],
  allocateTo: (claims: readonly Order[]) => Allocated<Order>[],
  giveUpOn: (one: Allocated<Order>) => SourcedChange[],
): { allocated: Allocated<Order>[]; givenUp: SourcedChange[] } {
  const givenUp: SourcedChange[] = []
  let claims = orders
  for (;;) {
    const allocated = allocateTo(claims)
    const over = allocated.filter(isShort).flatMap(giveUpOn)
    if (over.length === 0) return { allocated, givenUp }
    givenUp.push(...over)
    const ids = new Set(over.map(({ change }) => change.before.id))
    claims = claims.filter(({ id }) => !ids.has(id))
  }
}

function isShort({ short }: Allocated<Order>): boolean {
  return short.length > 0
}

type Source = Pick<ReservationRequest, 'origin' | 'job'>

/** Ends an order that was opened again and is short of what its supplier has delivered already. */
function giveUp(
  allocated: Allocated<Order>,
  earlier: EarlierRequests,
  { origin, job }: Source,
  at: Date,
): SourcedChange[] {
  const sku = findDelivered(allocated, earlier)
  if (sku === undefined) return []
  const { order } = allocated
  const deadLetter: DeadLetter = {
    task: 'reserve-inventory',
    payload: { orderId: order.id, origin },
    error: `The supplier delivered ${sku} for this order while it had failed, and other orders took it`,
    attempts: job?.attempt ?? 1,
  }
  return [{ change: fail(order, [], 'INTERNAL_ERROR', at), deadLetter, origin, job }]
}

export async function splitReservation(
  context: TransactionContext,
  orders: readonly OrderRef[],
): Promise<void> {
  const jobs = orders.map((order) => reservationJob([order]))
  await inTransaction(context, 'split-reservation', (tx) => addJobs(tx, jobs))
}
