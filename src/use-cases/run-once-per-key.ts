import { inTransaction, type TransactionName, type Tx } from '../database/transaction.ts'
import type { Caller } from '../domain/caller.ts'
import type { UserError } from '../domain/errors.ts'
import { type CallKey, findKeys, insertKeys, type KeyRecord } from '../sql/orders/idempotency-keys.ts'
import type { NewKey } from '../sql/orders/insert-orders.ts'
import type { WriteContext } from './context.ts'
import { refuseReusedKey } from './user-errors.ts'

/** A call of a verb. `key`: null where the caller gave none. */
export type KeyedCall = {
  caller: Pick<Caller, 'id'>
  name: TransactionName
  verb: string
  key: NewKey | null
}

/** Result of a call. `made`: what its key keeps, for repeats; null for a refused call, which does not consume the key. */
export type KeyedResult<Result, Made> = { result: Result; made: Made | null }

/**
 * Runs a call in a transaction, once per key.
 *
 * @param work makes the change
 * @param repeat answers with what the first call made, as it now is
 * @returns the refusal if the caller used the key for something else
 */
export function runOncePerKey<Result, Made extends object>(
  context: WriteContext,
  { caller, name, verb, key }: KeyedCall,
  work: (tx: Tx) => Promise<KeyedResult<Result, Made>>,
  repeat: (tx: Tx, made: Made) => Promise<Result>,
): Promise<Result | { userErrors: [UserError] }> {
  return retryTakenKeys(() =>
    inTransaction(context, name, async (tx) => {
      const findEarlier = async () =>
        (key ? await findKeys(tx, [{ caller: caller.id, key: key.key }]) : [])[0]
      const answer = (earlier: KeyRecord) =>
        isSameCall(earlier, { verb, ...key! }) ? repeat(tx, earlier.made as Made) : refuseReusedKey()
      const earlier = await findEarlier()
      if (earlier) return answer(earlier)
      const { result, made } = await work(tx)
      if (key && made) {
        const claim = { ...key, caller: caller.id, verb, orderId: null, shipmentIds: [], made }
        await claimKeys(tx, [claim], context.now())
        return result
      }
      // the refusal may be due to the same call, sent twice at once
      const meanwhile = await findEarlier()
      return meanwhile ? answer(meanwhile) : result
    }),
  )
}

/** Whether a call repeats what was done under its key. */
export function isSameCall(
  earlier: KeyRecord,
  { verb, fingerprint }: Pick<KeyRecord, 'verb' | 'fingerprint'>,
): boolean {
  return earlier.verb === verb && earlier.fingerprint === fingerprint
}

/**
 * Claims keys, with what was made under them, as the last statement of a transaction: a call that waits here for another under
 * the same key holds up nobody else.
 */
export async function claimKeys(tx: Tx, keys: readonly (CallKey & KeyRecord)[], at: Date): Promise<void> {
  const inserted = await insertKeys(tx, keys, at)
  if (inserted !== keys.length) throw new KeyTakenError('An idempotency key was taken meanwhile')
}

/** Another call took a key after this transaction had looked for it. */
class KeyTakenError extends Error {
  override readonly name = 'KeyTakenError'
}

/** The second try finds the key that another call has taken. */
const KEY_TRIES_MAX = 2

/** Runs a transaction that claims keys, and once more if another call took one of them meanwhile. */
export async function retryTakenKeys<Result>(run: () => Promise<Result>): Promise<Result> {
  for (let tries = 1; ; tries++) {
    try {
      return await run()
    } catch (error) {
      if (!(error instanceof KeyTakenError) || tries === KEY_TRIES_MAX) throw error
    }
  }
}
