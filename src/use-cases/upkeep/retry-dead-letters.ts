import { validate as isUuid } from 'uuid'
import { inTransaction } from '../../database/transaction.ts'
import { assertAllowed } from '../../domain/authorisation.ts'
import type { Caller } from '../../domain/caller.ts'
import { CallError } from '../../domain/errors.ts'
import type { RequestOrigin } from '../../domain/origin.ts'
import { lockOrders } from '../../sql/orders/find-orders.ts'
import { closeDeadLetters, lockOpenDeadLetters } from '../../sql/upkeep/dead-letters.ts'
import type { WriteContext } from '../context.ts'
import { transitionOrders } from '../orders/transition-orders.ts'

/** A page of dead letters at a time: one transaction. */
const RETRIED_LETTERS_MAX = 100

/**
 * Retries dead letters: their orders become PENDING by a transition, and are reserved anew. Their history stays.
 *
 * @param ids dead letters; skips those that do not exist or were retried before, so a repeat is harmless
 * @param request the request that asks for it, which becomes the origin of the work; the order keeps its trace
 * @returns the ids of the dead letters that were retried now
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
    const orders = await lockOrders(tx, [...new Set(letters.map((letter) => letter.orderId))])
    const failed = orders.filter((order) => order.status === 'FAILED')
    await transitionOrders(
      context,
      tx,
      failed.map((order) => {
        const traceparent = letters.findLast((letter) => letter.orderId === order.id)?.traceparent
        return { order, to: 'PENDING', origin: { caller: caller.id, requestId, traceparent } }
      }),
    )
    const reopened = new Set(failed.map((order) => order.id))
    const retried = letters.filter((letter) => reopened.has(letter.orderId)).map((letter) => letter.id)
    await closeDeadLetters(tx, retried, context.now())
    return retried
  })
}
