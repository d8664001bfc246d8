import type { TransactionName, Tx } from '../../../database/transaction.ts'
import type { Caller } from '../../../domain/caller.ts'
import type { UserError } from '../../../domain/errors.ts'
import type { Order } from '../../../domain/orders/order.ts'
import { findOrders } from '../../../sql/orders/find-orders.ts'
import { findMovementsById } from '../../../sql/stock/ledger/find-movements.ts'
import { assertKey } from '../../assert-key.ts'
import type { WriteContext } from '../../context.ts'
import { fingerprintOf } from '../../fingerprint.ts'
import { type KeyedResult, runOncePerKey } from '../../run-once-per-key.ts'
import { type BulkOptions, type BulkOutcome, type BulkRow, changeMany } from '../change-many.ts'

/** A call that changes stock, as its verb puts it. */
export type StockChangeCall = {
  verb: string
  /** The name of its transaction. */
  name: TransactionName
  rows: readonly BulkRow[]
  options: BulkOptions
  /** A repeat under the same key answers with what the call made, as it now is; null for none. */
  idempotencyKey: string | null
  /** The input with defaults filled in: the same key with another input is refused. */
  input: object
}

export type Changed = { outcomes: readonly BulkOutcome[]; unreserved: readonly Order[] }

/**
 * Changes stock, once per key. Neither a refused call nor a dry run consumes the key.
 *
 * @param answer makes the answer from the results of the rows, in their transaction
 * @returns the refusal if the caller used the key for something else
 * @throws {CallError} BAD_USER_INPUT for a malformed key
 */
export function changeStock<Answer>(
  context: WriteContext,
  caller: Caller,
  { verb, name, rows, options, idempotencyKey, input }: StockChangeCall,
  answer: (tx: Tx, changed: Changed) => Promise<Answer>,
): Promise<Answer | { userErrors: [UserError] }> {
  assertKey(idempotencyKey)
  const isKeyed = idempotencyKey !== null && !options.dryRun
  const key = isKeyed ? { key: idempotencyKey, fingerprint: fingerprintOf(verb, input) } : null
  return runOncePerKey(
    context,
    { caller, name, verb, key },
    async (tx): Promise<KeyedResult<Answer, KeptChange>> => {
      const changed = await changeMany(context, tx, caller, rows, options)
      const isChanged = changed.outcomes.some(({ after }) => after !== null)
      return { result: await answer(tx, changed), made: isChanged ? toKept(changed) : null }
    },
    async (tx, kept) => answer(tx, await readKept(tx, kept)),
  )
}

/** A change as its key keeps it, as JSON: bigints are text. */
type KeptChange = {
  outcomes: {
    before: string | null
    after: string | null
    movement: string | null
    userErrors: KeptError[]
  }[]
  unreserved: string[]
}
type KeptError = Omit<UserError, 'limit'> & { limit?: string }

function toKept({ outcomes, unreserved }: Changed): KeptChange {
  return {
    outcomes: outcomes.map(({ before, after, movement, userErrors }) => ({
      before: textOf(before),
      after: textOf(after),
      movement: movement && String(movement.id),
      userErrors: userErrors.map(({ limit, ...error }) =>
        limit === undefined ? error : { ...error, limit: String(limit) },
      ),
    })),
    unreserved: unreserved.map(({ id }) => id),
  }
}

async function readKept(tx: Tx, { outcomes, unreserved }: KeptChange): Promise<Changed> {
  const ids = outcomes.flatMap(({ movement }) => (movement === null ? [] : [BigInt(movement)]))
  const [movements, orders] = await Promise.all([
    findMovementsById(tx, ids),
    unreserved.length > 0 ? findOrders(tx, unreserved) : [],
  ])
  const movementOf = new Map(movements.map((movement) => [String(movement.id), movement]))
  return {
    outcomes: outcomes.map(({ before, after, movement, userErrors }) => ({
      before: numberOf(before),
      after: numberOf(after),
      movement: movement === null ? null : movementOf.get(movement)!,
      userErrors: userErrors.map(({ limit, ...error }) =>
        limit === undefined ? error : { ...error, limit: BigInt(limit) },
      ),
    })),
    unreserved: orders,
  }
}

function textOf(number: bigint | null): string | null {
  return number === null ? null : String(number)
}

function numberOf(text: string | null): bigint | null {
  return text === null ? null : BigInt(text)
}
