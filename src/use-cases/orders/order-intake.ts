import { v7 as uuidv7 } from 'uuid'
import { GroupCommit, type GroupObserver } from '../../database/group-commit.ts'
import { inOneStatement } from '../../database/transaction.ts'
import type { Order } from '../../domain/orders/order.ts'
import type { OrderEvent } from '../../domain/orders/order-event.ts'
import type { Origin } from '../../domain/origin.ts'
import { JOB_ATTEMPTS_MAX, type OrderRef } from '../../domain/upkeep/jobs.ts'
import { type Insertion, insertOrders } from '../../sql/orders/insert-orders.ts'
import type { WriteContext } from '../context.ts'

/** A well-formed order, and where it comes from: an idempotency key is its caller's own. */
export type RequestedOrder = Origin & {
  sku: string
  qty: number
  idempotencyKey: string | null
  customerId: string | null
}

/** Where orders of many callers come together to share a transaction. */
export type OrderIntake = GroupCommit<RequestedOrder, Insertion>

/** What `createOrders` is handed. */
export type IntakeContext = WriteContext & {
  /** Reserves what this process creates, where a worker runs in it. */
  headStart?: HeadStart | undefined
}

/** Reserves new orders in the process that created them. */
export type HeadStart = {
  isPossible: () => boolean
  /** Begins to reserve the orders of a delayed job. What fails is left to that job: this never throws. */
  run: (jobId: string, orders: readonly OrderRef[]) => Promise<void>
}

/** Orders that come in by one statement: one of each of CALLS_UNDER_WAY_MAX, so all that wait share the next commit. */
export const INTAKE_BATCH_MAX = 300
/** A commit that takes longer hangs: a lock that is held, a disk that stalls. In good order it takes 5 to 20 ms. */
const INTAKE_COMMIT_MAX_MS = 1_000
/**
 * What an order may have to wait for the commits of those before it, some five of full batches. A second line: a call
 * has one order under way, for mutations of one call run one after the other, so all that wait fit the next batch. It is
 * reached where more calls are let in than a batch holds.
 */
const INTAKE_WAIT_MAX_MS = 100
/** Orders that may wait for their commit, however fast it is: some 5 MB. A second line as well. */
const INTAKE_WAITING_MAX = 10_000
/**
 * How long a process that takes an order and is a worker has to reserve it before its job is due to any worker: a hundred
 * times what it takes. After a crash the orders under way wait for as long.
 */
const HEAD_START_MS = 2_000

/**
 * Makes the intake of orders: those that arrive while a commit is under way share the next one, by `createOrders`.
 *
 * @param onRefusal hears of every order that is refused since too many wait
 */
export function createOrderIntake(
  context: IntakeContext,
  { onRefusal, ...observer }: GroupObserver & { onRefusal: () => void },
): OrderIntake {
  return new GroupCommit((requests) => createOrders(context, requests), {
    batchSizeMax: INTAKE_BATCH_MAX,
    waitingMax: INTAKE_WAITING_MAX,
    waitMaxMs: INTAKE_WAIT_MAX_MS,
    commitMaxMs: INTAKE_COMMIT_MAX_MS,
    onRefusal,
    ...observer,
  })
}

/**
 * Takes orders that are well-formed, all in one transaction. Nothing that can fail follows its commit: a group commit
 * may try again what has failed.
 *
 * @returns what became of each request, in their order
 */
export async function createOrders(context: IntakeContext, requests: RequestedOrder[]): Promise<Insertion[]> {
  const orders = requests.map(({ sku, qty, idempotencyKey, customerId, caller, requestId, traceparent }) => ({
    // with no time given, ids rise even within a millisecond: orders take their turn in the order of their ids
    id: uuidv7(),
    customerId,
    sku,
    qty,
    key: idempotencyKey,
    origin: { caller, requestId, traceparent },
  }))
  const headStart = context.headStart?.isPossible() ? context.headStart : undefined
  const { insertions, jobId } = await inOneStatement(context, 'create-orders', (on) =>
    insertOrders(on, orders, {
      createdAt: context.now(),
      task: 'reserve-inventory',
      attemptsMax: JOB_ATTEMPTS_MAX,
      delayMs: headStart ? HEAD_START_MS : 0,
    }),
  )
  context.onEvents(
    insertions.flatMap(({ order }, index) => (order ? [creationOf(order, orders[index]!.origin)] : [])),
  )
  if (headStart && jobId !== null) {
    const created = orders.filter((_, index) => insertions[index]!.order)
    void headStart.run(
      jobId,
      created.map(({ id, origin }) => ({ orderId: id, origin })),
    )
  }
  return insertions
}

function creationOf(order: Order, origin: Origin): OrderEvent {
  return {
    type: 'OrderCreated',
    from: null,
    to: order.status,
    reason: null,
    version: order.version,
    at: order.createdAt,
    order,
    origin,
  }
}
