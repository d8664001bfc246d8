import type { App } from '../app.ts'
import { inTransaction, type Tx } from '../database/transaction.ts'
import { type DeadLetter, ERROR_LENGTH_MAX } from '../domain/dead-letter.ts'
import type { Job } from '../domain/jobs.ts'
import { isAwaited } from '../domain/next-job.ts'
import { lockOrders } from '../sql/find-orders.ts'
import { transitionOrders } from './transition-orders.ts'

/** An order whose job is given up. */
export type Failure = { orderId: string; deadLetter: DeadLetter }

/**
 * Ends orders whose job has used up its attempts: FAILED with INTERNAL_ERROR, and a dead letter. An order that no
 * longer waits for that job stays as it is, and leaves none.
 */
export async function failOrders(app: App, failures: readonly Failure[]): Promise<void> {
  await inTransaction(app, 'fail-orders', (tx) => failOrdersIn(app, tx, failures))
}

/** The same within a transaction of the caller. */
export async function failOrdersIn(app: App, tx: Tx, failures: readonly Failure[]): Promise<void> {
  const letterOf = new Map(failures.map(({ orderId, deadLetter }) => [orderId, deadLetter]))
  const orders = (await lockOrders(tx, [...letterOf.keys()])).filter((order) =>
    isAwaited(letterOf.get(order.id)! as Job, order),
  )
  await transitionOrders(
    app,
    tx,
    orders.map((order) => {
      const deadLetter = letterOf.get(order.id)!
      const error = deadLetter.error.slice(0, ERROR_LENGTH_MAX).replaceAll('\0', '')
      return { order, to: 'FAILED', reason: 'INTERNAL_ERROR', deadLetter: { ...deadLetter, error } }
    }),
  )
}
