import { GroupCommit, type GroupObserver } from '../../database/group-commit.ts'
import { inOneStatement } from '../../database/transaction.ts'
import type { OrderEvent } from '../../domain/orders/order-event.ts'
import type { Origin } from '../../domain/origin.ts'
import { type OrderRef, orderRefOf } from '../../domain/upkeep/jobs.ts'
import { type Insertion, insertOrders, type NewOrder } from '../../sql/orders/insert-orders.ts'
import type { WriteContext } from '../context.ts'
import { newId } from '../new-id.ts'

/** A well-formed order and its origin. An idempotency key belongs to its caller. */
export type RequestedOrder = Origin & Omit<NewOrder, 'id' | 'origin'>

/** Group commit in which orders of many callers share a transaction. */
export type OrderIntake = GroupCommit<RequestedOrder, Insertion>

export type IntakeContext = WriteContext & {
  /** Reserves the orders that this process creates, if a worker runs in it. */
  headStart?: HeadStart | undefined
}

/** Reserves new orders in the process that created them: `createHeadStart` in src/tasks/head-start.ts. */
export type HeadStart = {
  isPossible: () => boolean
  /** Starts to reserve the orders of a delayed job. Never throws: if it fails, that job reserves them. */
  run: (jobId: string, orders: readonly OrderRef[]) => Promise<void>
}

/**
 * Lines of one statement, and so of one job. Orders of one line, of which no more are in flight than CALLS_UNDER_WAY_MAX, all
 * share the next commit.
 */
const INTAKE_BATCH_MAX = 1_000
/** A commit that takes longer hangs, on a lock or a disk that stalls. A healthy one takes 5 to 20 ms. */
const INTAKE_COMMIT_MAX_MS = 1_000
/**
 * Orders that may wait for their commit: about 5 MB. A second line of defence: a call has one order in flight, since mutations
 * of one call run one after the other, and no more calls are in flight than a batch holds.
 */
const INTAKE_WAITING_MAX = 10_000
/**
 * How long a process with a worker has to reserve its new orders before any worker may fetch their job: a hundred times what
 * it takes. After a crash, orders in flight wait that long.
 */
const HEAD_START_MS = 2_000

/**
 * Makes the intake: orders that arrive during a commit share the next one, by `createOrders`.
 *
 * @param onRefusal called for each order that is refused because a commit hangs, or too many wait
 */
export function createOrderIntake(
  context: IntakeContext,
  { onRefusal, ...observer }: GroupObserver & { onRefusal: () => void },
): OrderIntake {
  return new GroupCommit((requests) => createOrders(context, requests), {
    batchSizeMax: INTAKE_BATCH_MAX,
    sizeOf: ({ lines }) => lines.length,
    waitingMax: INTAKE_WAITING_MAX,
    commitMaxMs: INTAKE_COMMIT_MAX_MS,
    onRefusal,
    ...observer,
  })
}

/**
 * Writes well-formed orders and one job for all of them, in one transaction. Nothing that can fail may follow the commit: the
 * group commit retries what has failed.
 *
 * @returns a result for each request, in their order
 */
export async function createOrders(context: IntakeContext, requests: RequestedOrder[]): Promise<Insertion[]> {
  const orders = requests.map(({ caller, requestId, traceparent, ...order }) => ({
    ...order,
    // ids rise even within a millisecond: stock goes to orders by their ids
    id: newId(),
    origin: { caller, requestId, traceparent },
  }))
  const headStart = context.headStart?.isPossible() ? context.headStart : undefined
  const { insertions, jobId } = await inOneStatement(context, 'create-orders', (on) =>
    insertOrders(on, orders, {
      createdAt: context.now(),
      delayMs: headStart ? HEAD_START_MS : 0,
    }),
  )
  context.onEvents(
    insertions.flatMap(({ order }, index): OrderEvent[] => {
      if (!order) return []
      const { origin } = orders[index]!
      return [
        { type: 'OrderCreated', from: null, lines: null, order, actor: origin.caller, note: null, origin },
      ]
    }),
  )
  if (headStart && jobId !== null) {
    const created = orders.filter((_, index) => insertions[index]!.order)
    void headStart.run(
      jobId,
      created.map((order) => orderRefOf(order, order.origin)),
    )
  }
  return insertions
}
