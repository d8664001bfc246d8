import { inTransaction, type Tx } from '../../database/transaction.ts'
import { type DeadLetter, ERROR_LENGTH_MAX } from '../../domain/upkeep/dead-letter.ts'
import { isAwaited } from '../../domain/upkeep/next-job.ts'
import { lockOrders } from '../../sql/orders/find-orders.ts'
import type { WriteContext } from '../context.ts'
import { type Transition, transitionOrders } from './transition-orders.ts'

/** An order whose job is given up, with the dead letter to write. */
export type Failure = { orderId: string; deadLetter: DeadLetter }

/**
 * Ends orders whose job has used up its attempts: FAILED with INTERNAL_ERROR, and a dead letter. An order that no
 * longer waits for that job stays as it is, and leaves none.
 */
export async function failOrders(context: WriteContext, failures: readonly Failure[]): Promise<void> {
  await inTransaction(context, 'fail-orders', (tx) => failOrdersIn(context, tx, failures))
}

/** The same within a transaction of the caller. */
export async function failOrdersIn(
  context: Pick<WriteContext, 'now'>,
  tx: Tx,
  failures: readonly Failure[],
): Promise<void> {
  const orders = await lockOrders(tx, [...new Set(failures.map(({ orderId }) => orderId))])
  const transitions = orders.flatMap((order): Transition[] => {
    // an order may have several failures: only that of the job it waits for counts
    const current = failures.findLast(
      ({ orderId, deadLetter }) => orderId === order.id && isAwaited(deadLetter, order),
    )
    if (!current) return []
    const error = current.deadLetter.error.slice(0, ERROR_LENGTH_MAX).replaceAll('\0', '')
    return [{ order, to: 'FAILED', reason: 'INTERNAL_ERROR', deadLetter: { ...current.deadLetter, error } }]
  })
  await transitionOrders(context, tx, transitions)
}
