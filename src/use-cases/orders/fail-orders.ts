import { inTransaction, type Tx } from '../../database/transaction.ts'
import { type DeadLetter, ERROR_LENGTH_MAX } from '../../domain/upkeep/dead-letter.ts'
import { isAwaited } from '../../domain/upkeep/next-job.ts'
import { lockOrders } from '../../sql/orders/find-orders.ts'
import type { WriteContext } from '../context.ts'
import { type Transition, transitionOrders } from './transition-orders.ts'

/**
 * Ends orders whose job has used up its attempts: FAILED with INTERNAL_ERROR, and a dead letter. An order that no
 * longer waits for that job stays as it is, and leaves none.
 */
export async function failOrders(context: WriteContext, letters: readonly DeadLetter[]): Promise<void> {
  await inTransaction(context, 'fail-orders', (tx) => failOrdersIn(context, tx, letters))
}

/** The same within a transaction of the caller. */
export async function failOrdersIn(
  context: Pick<WriteContext, 'now'>,
  tx: Tx,
  letters: readonly DeadLetter[],
): Promise<void> {
  const orders = await lockOrders(tx, [...new Set(letters.map(({ payload }) => payload.orderId))])
  const transitions = orders.flatMap((order): Transition[] => {
    // of several letters of one order, that of the job it waits for
    const current = letters.findLast(
      (letter) => letter.payload.orderId === order.id && isAwaited(letter, order),
    )
    if (!current) return []
    const error = current.error.slice(0, ERROR_LENGTH_MAX).replaceAll('\0', '')
    return [{ order, to: 'FAILED', reason: 'INTERNAL_ERROR', deadLetter: { ...current, error } }]
  })
  await transitionOrders(context, tx, transitions)
}
