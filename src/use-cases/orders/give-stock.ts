import type { Order } from '../../domain/orders/order.ts'
import { fail } from '../../domain/orders/verbs/fail.ts'
import { reserve } from '../../domain/orders/verbs/reserve.ts'
import type { Origin } from '../../domain/origin.ts'
import { type Allocated, type AllocationStrategy, allocate } from '../../domain/stock/allocation.ts'
import type { DeadLetter } from '../../domain/upkeep/dead-letter.ts'
import type { JobTry } from '../../domain/upkeep/jobs.ts'
import { supplierJob } from '../../domain/upkeep/next-job.ts'
import type { LockedStock } from '../../sql/stock/lock-stock.ts'
import { askSuppliers, type EarlierRequests, findDelivered } from '../supplier/ask-suppliers.ts'
import type { Beside, SourcedChange } from './write-changes.ts'

/** Where the work for an order comes from, and the job run that does it. */
type Source = { origin?: Origin | undefined; job?: JobTry | undefined }

export type GiveContext = { allocationStrategy: AllocationStrategy; now: () => Date }

/** What is known of orders that stock is given to, and of all the stock of their SKUs. */
export type Given = {
  /** In the order of their turn, locked. */
  orders: readonly Order[]
  stock: LockedStock
  earlier: EarlierRequests
  sourceOf: (order: Order) => Source
}

/**
 * Gives stock to PENDING and waiting orders in turn. Suppliers are asked for what a new order is short of, if it is to be asked
 * for. A waiting order was asked for before.
 *
 * @returns what is to be written
 */
export function giveStock(
  { allocationStrategy, now }: GiveContext,
  { orders, stock, earlier, sourceOf }: Given,
): { changes: SourcedChange[]; beside: Beside; at: Date } {
  const { levels, locations } = stock
  const at = now()
  const { allocated, givenUp } = allocateAndGiveUp(
    orders,
    (claims) => allocate(claims, levels, locations, allocationStrategy),
    (one) => giveUp(one, earlier, sourceOf(one.order), at),
  )
  const changes = allocated.map((one) => ({ change: reserve(one, at), ...sourceOf(one.order) }))
  const asked = allocated.filter(isToBeAsked)
  const requests = asked.flatMap((one) => askSuppliers(one, earlier, at))
  const originOf = new Map(asked.map(({ order }) => [order.id, sourceOf(order).origin]))
  const jobs = requests.map((request) => supplierJob(request, originOf.get(request.orderId)))
  return { changes: [...changes, ...givenUp], beside: { stock, requests, jobs }, at }
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
    const over = allocated.filter(isToBeAsked).flatMap(giveUpOn)
    if (over.length === 0) return { allocated, givenUp }
    givenUp.push(...over)
    const ids = new Set(over.map(({ change }) => change.before.id))
    claims = claims.filter(({ id }) => !ids.has(id))
  }
}

/** Whether suppliers are to be asked for what a new order is short of. */
function isToBeAsked({ order, short }: Allocated<Order>): boolean {
  return short.length > 0 && order.status === 'PENDING' && order.ifShort === 'ASK_SUPPLIER'
}

/** Ends an order that was opened again and is short of what its supplier has delivered already. */
function giveUp(
  allocated: Allocated<Order>,
  earlier: EarlierRequests,
  { origin, job }: Source,
  at: Date,
): SourcedChange[] {
  const sku = findDelivered(allocated, earlier)
  if (sku === undefined) return []
  const { order, short } = allocated
  const deadLetter: DeadLetter = {
    task: 'reserve-inventory',
    payload: { orderId: order.id, origin },
    error: `The supplier delivered ${sku} for this order while it had failed, and other orders took it`,
    attempts: job?.attempt ?? 1,
  }
  return [{ change: fail(order, [], 'INTERNAL_ERROR', at, short), deadLetter, origin, job }]
}
