import { v7 as uuidv7 } from 'uuid'
import type { Tx } from '../../database/transaction.ts'
import { applyTransition, type Order, type OrderEvent } from '../../domain/orders/order.ts'
import { eventOf, type FailureReason, type OrderStatus } from '../../domain/orders/order-status.ts'
import { type Origin, traceIdOf } from '../../domain/origin.ts'
import type { DeadLetter } from '../../domain/upkeep/dead-letter.ts'
import type { JobTry } from '../../domain/upkeep/jobs.ts'
import { nextJob } from '../../domain/upkeep/next-job.ts'
import { moveOrders } from '../../sql/orders/move-orders.ts'
import { notifyWatchers } from '../../sql/orders/notify-watchers.ts'
import { addJobs } from '../../sql/queue/add-jobs.ts'
import { insertDeadLetters } from '../../sql/upkeep/dead-letters.ts'
import type { WriteContext } from '../context.ts'

/**
 * A transition of an order that this transaction has locked: the new state, the dead letter if the order is given up, the
 * origin of the work, and the job run that does it.
 */
export type Transition = {
  order: Order
  to: OrderStatus
  reason?: FailureReason
  deadLetter?: DeadLetter
  origin?: Origin | undefined
  job?: JobTry | undefined
}

/**
 * Moves locked orders to their next state, in the caller's transaction: writes states, events, dead letters, the orders' next
 * jobs and one notification. Call it once in a transaction, with all transitions.
 *
 * @throws {Error} if the transition is not allowed, or an order has changed since its lock: both are bugs
 */
export async function transitionOrders(
  { now }: Pick<WriteContext, 'now'>,
  tx: Tx,
  transitions: readonly Transition[],
): Promise<void> {
  if (transitions.length === 0) return
  const at = now()
  const moves = transitions.map(({ order, to, reason = null }) => ({
    before: order,
    after: applyTransition(order, to, reason, at),
    event: eventOf(order.status, to, reason),
  }))
  const events: OrderEvent[] = moves.map(({ before, after, event }, index) => {
    const { deadLetter, origin = deadLetter?.payload.origin, job } = transitions[index]!
    return { type: event, from: before.status, order: after, origin, job, deadLetter }
  })
  const letters = events.flatMap(({ order, origin, deadLetter }) => {
    if (!deadLetter) return []
    const traceId = traceIdOf(order, origin)
    const payload = { ...deadLetter.payload, origin }
    return [{ ...deadLetter, payload, id: uuidv7(), orderId: order.id, traceId, createdAt: at }]
  })
  // sent together: if the first statement finds that an order has changed, nothing is committed
  const [count] = await Promise.all([
    moveOrders(tx, moves, at),
    addJobs(
      tx,
      events.flatMap(({ order, origin }) => nextJob(order, origin) ?? []),
    ),
    insertDeadLetters(tx, letters),
    notifyWatchers(
      tx,
      events.map(({ order: { id, version }, origin }) => ({ id, version, traceparent: origin?.traceparent })),
    ),
  ])
  if (count !== moves.length) throw new Error(`${moves.length - count} orders changed under their lock`)
  tx.record(events)
}
