import { inTransaction, type TransactionName, type Tx } from '../database/transaction.ts'
import type { Caller } from '../domain/caller.ts'
import type { UserError } from '../domain/errors.ts'
import { type CallKey, findKeys, insertKeys, type KeyedResult } from '../sql/orders/idempotency-keys.ts'
import type { NewKey } from '../sql/orders/insert-orders.ts'
import type { WriteContext } from './context.ts'
import { refuseReusedKey } from './user-errors.ts'

/** A key that another call has taken meanwhile is found at the second try. */
const KEY_TRIES_MAX = 2

/** Another call has taken a key between this transaction's look for it and its end. */
class KeyTakenError extends Error {
  override readonly name = 'KeyTakenError'
}

/** Runs a transaction that claims keys once more if another has taken one of them: then it finds what that one made. */
export async function retryTakenKeys<Result>(run: () => Promise<Result>): Promise<Result> {
  for (let tries = 1; ; tries++) {
    try {
      return await run()
    } catch (error) {
      if (!(error instanceof KeyTakenError) || tries === KEY_TRIES_MAX) throw error
    }
  }
}

/**
 * Notes what was made under keys, as the last statement of a transaction: who waits here for another call under the same key
 * keeps nobody else waiting.
 */
export async function claimKeys(tx: Tx, keys: readonly (CallKey & KeyedResult)[], at: Date): Promise<void> {
  const inserted = await insertKeys(tx, keys, at)
  if (inserted !== keys.length) throw new KeyTakenError('An idempotency key was taken meanwhile')
}

/** A call of a verb that changes stock. `key`: null where the caller gave none. */
export type StockCall = {
  caller: Pick<Caller, 'id'>
  name: TransactionName
  verb: string
  key: NewKey | null
}

/** What comes of a call, and what is kept of it under its key: null where it is refused, which uses up none. */
export type Done<Result, Made> = { result: Result; made: Made | null }

/**
 * Runs a change of stock in a transaction, once under one key.
 *
 * @param work makes the change
 * @param repeat answers with what was made before, as it now is
 * @returns the refusal if the caller used the key for something else
 */
export function underKey<Result, Made extends object>(
  context: WriteContext,
  { caller, name, verb, key }: StockCall,
  work: (tx: Tx) => Promise<Done<Result, Made>>,
  repeat: (tx: Tx, made: Made) => Promise<Result>,
): Promise<Result | { userErrors: [UserError] }> {
  return retryTakenKeys(() =>
    inTransaction(context, name, async (tx) => {
      const findEarlier = async () =>
        (key ? await findKeys(tx, [{ caller: caller.id, key: key.key }]) : [])[0]
      const answer = (earlier: KeyedResult) => {
        const isSame = earlier.verb === verb && earlier.fingerprint === key!.fingerprint
        return isSame ? repeat(tx, earlier.made as Made) : refuseReusedKey()
      }
      const earlier = await findEarlier()
      if (earlier) return answer(earlier)
      const { result, made } = await work(tx)
      if (key && made) {
        const claim = { ...key, caller: caller.id, verb, orderId: null, shipmentIds: [], made }
        await claimKeys(tx, [claim], context.now())
        return result
      }
      // it may be refused for what the same call, sent twice at once, has just done
      const meanwhile = await findEarlier()
      return meanwhile ? answer(meanwhile) : result
    }),
  )
}
