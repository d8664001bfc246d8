import { validate as isUuid } from 'uuid'
import { inTransaction } from '../../database/transaction.ts'
import { assertAllowed } from '../../domain/authorisation.ts'
import type { Caller } from '../../domain/caller.ts'
import { CallError } from '../../domain/errors.ts'
import { reopen } from '../../domain/orders/verbs/reopen.ts'
import type { RequestOrigin } from '../../domain/origin.ts'
import { orderRefOf, reservationJob } from '../../domain/upkeep/jobs.ts'
import { findFailures } from '../../sql/orders/find-events.ts'
import { lockOrders } from '../../sql/orders/find-orders.ts'
import { readClock } from '../../sql/orders/holds.ts'
import { NO_STOCK } from '../../sql/stock/lock-stock.ts'
import { closeDeadLetters, lockOpenDeadLetters } from '../../sql/upkeep/dead-letters.ts'
import type { WriteContext } from '../context.ts'
import { writeChanges } from '../orders/write-changes.ts'

/** A page of dead letters at a time: one transaction. */
const RETRIED_LETTERS_MAX = 100

/**
 * Retries dead letters: their orders become PENDING by a transition, and are reserved anew. Their history stays. A hold
 * that would have expired by now stays FAILED: nothing is left to do for its dead letter, which is closed.
 *
 * @param ids dead letters; skips those that do not exist or were retried before, so a repeat is harmless
 * @param request the caller's request, which becomes the origin of the work; the order keeps its trace
 * @returns the ids of the dead letters that were closed now
 * @throws {CallError} BAD_USER_INPUT for more than 100 at once, FORBIDDEN for all but operators
 */
export async function retryDeadLetters(
  context: WriteContext,
  caller: Caller,
  ids: readonly string[],
  { requestId }: RequestOrigin = {},
): Promise<string[]> {
  assertAllowed(caller, 'retryDeadLetters')
  if (ids.length > RETRIED_LETTERS_MAX) {
    throw new CallError(
      'BAD_USER_INPUT',
      `At most ${RETRIED_LETTERS_MAX} dead letters can be retried at once`,
    )
  }
  return inTransaction(context, 'retry-dead-letters', async (tx) => {
    const letters = await lockOpenDeadLetters(
      tx,
      ids.filter((id) => isUuid(id)),
    )
    const orderIds = [...new Set(letters.map((letter) => letter.orderId))]
    const [orders, gaveUp] = await Promise.all([lockOrders(tx, orderIds), findFailures(tx, orderIds)])
    const clock = orders.some(({ expiresAt }) => expiresAt !== null) ? await readClock(tx) : null
    const at = context.now()
    const reopened = orders.flatMap((order) => {
      const { status, expiresAt } = order
      // an expired hold would expire again
      if (status !== 'FAILED' || (expiresAt !== null && expiresAt <= clock!)) return []
      const traceparent = letters.findLast((letter) => letter.orderId === order.id)?.traceparent
      const origin = { caller: caller.id, requestId, traceparent }
      const change = reopen(order, gaveUp.get(order.id)!, at)
      return [{ change, actor: caller.id, origin }]
    })
    const jobs = reopened.map(({ change: { after }, origin }) => reservationJob([orderRefOf(after, origin)]))
    await writeChanges(tx, reopened, { stock: NO_STOCK, jobs }, at)
    // also letters of orders that stay FAILED: nothing else would close them
    const closed = letters.map((letter) => letter.id)
    await closeDeadLetters(tx, closed, at)
    return closed
  })
}
